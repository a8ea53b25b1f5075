"""FW409: clients send what they learned from models of long ago."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.simulation.samplers import Asynchronous

# Updates that are so many steps old, on average, are of another model than that which they move.
OLD, VERY = 2.0, 8.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the staleness of the run, or what its sampler and clock would give before it."""
    setup, drawn = evidence.setup, evidence.participation
    seen = evidence.curve("staleness_mean")
    mean = float(np.mean(seen)) if seen else drawn.staleness if drawn is not None else 0.0
    if mean < OLD or drawn is None:
        return None
    why = f"an update is {mean:.1f} server steps old on average"
    confidence = 0.7 if mean > VERY else 0.5
    severity = Severity.warning if mean > VERY else Severity.note
    facts = {"staleness": mean, "cohort": drawn.cohort}
    if not isinstance(setup.sampler, Asynchronous):
        why += ": the sampler has clients begin with models of earlier rounds"
        # Nothing is won by that, unlike in an asynchronous run, which waits for nobody.
        return Suspicion(why, 0.9, facts, edits.synchronous(), severity=severity)
    at_work = setup.sampler.concurrency
    return Suspicion(
        f"{why}, with {at_work} clients at work and a step for every {drawn.cohort} that report",
        confidence,
        facts | {"concurrency": at_work},
        edits.concurrency(2 * drawn.cohort),
        edits.synchronous(),
        severity,
        others=(edits.synchronous(),),
    )


CAUSE = Cause("FW409", "Updates are stale", suspect)
