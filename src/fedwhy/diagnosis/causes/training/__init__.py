"""FW3xx, local training."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
