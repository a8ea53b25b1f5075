"""FW409: clients send what they learned from models of long ago."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.simulation.samplers import Asynchronous

# Updates that are so many steps old, on average, are of another model than that which they move.
OLD, VERY = 3.0, 8.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the staleness of the run, or what its sampler and clock would give before it."""
    setup, drawn = evidence.setup, evidence.participation
    if not isinstance(setup.sampler, Asynchronous):
        return None
    seen = evidence.curve("staleness_mean")
    mean = float(np.mean(seen)) if seen else drawn.staleness if drawn is not None else 0.0
    if mean < OLD or drawn is None:
        return None
    return Suspicion(
        f"an update is {mean:.1f} server steps old on average, with {setup.sampler.concurrency} "
        f"clients at work and a step for every {drawn.cohort} that report",
        0.6 if mean > VERY else 0.4,
        {"staleness": mean, "concurrency": setup.sampler.concurrency, "cohort": drawn.cohort},
        edits.concurrency(2 * drawn.cohort),
        edits.synchronous(),
        severity=Severity.warning if mean > VERY else Severity.note,
    )


CAUSE = Cause("FW409", "Updates are stale", suspect)
