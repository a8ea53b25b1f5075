"""FW1xx, what clients hold."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
