"""FW4xx, aggregation and server."""

from fedwhy.diagnosis.cause import Cause

CAUSES: tuple[Cause, ...] = ()
