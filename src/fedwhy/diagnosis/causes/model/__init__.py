"""FW2xx, the model and its loss."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
