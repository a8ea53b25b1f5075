"""FW7xx, privacy and compression."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
