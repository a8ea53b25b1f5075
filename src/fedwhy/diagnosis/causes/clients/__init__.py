"""FW6xx, faulty or hostile clients."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
