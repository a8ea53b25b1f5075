"""FW5xx, evaluation."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
