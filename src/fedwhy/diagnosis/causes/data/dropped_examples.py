"""FW114: clients whose examples never fill a batch train on nothing."""

import numpy as np

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.example_facts import ExampleFacts
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

SILENT, LOST = 0.02, 0.3
MOST = 0.5
# A new batch size: the median client fills so many, and it is no larger than is usual.
TIMES, USUAL = 8, 32


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where `drop_last` leaves clients without a batch, or many examples unseen."""
    data = evidence.data
    if not throws_away(data):
        return None
    sizes, visited, silent, lost = data.sizes, data.visited, data.silent, data.unvisited
    nobody = bool((visited == 0).all())
    return Suspicion(
        why=f"drop_last leaves out what fills no batch of {data.batching.batch_size}: {lost:.0%} "
        f"of the examples in an epoch; {int((visited == 0).sum())} of {len(sizes)} clients never "
        "train",
        confidence=0.95 if nobody else round(min(0.8, 0.3 + max(silent, lost)), 2),
        evidence={
            "dropped": lost,
            "silent_clients": int((visited == 0).sum()),
            "examples_of_silent_clients": silent,
            "batch_size": data.batching.batch_size,
        },
        prescription=remedy(evidence.setup, sizes),
        severity=Severity.error if silent > MOST else Severity.warning,
    )


def throws_away(data: ExampleFacts) -> bool:
    """Whether `drop_last` leaves out much, which also leaves clients few steps."""
    return data.batching.drop_last and (data.silent >= SILENT or data.unvisited >= LOST)


def remedy(setup: Setup, sizes: np.ndarray) -> Edit | None:
    """Batches that the median client fills several times, and the last, smaller one kept."""
    local = setup.local
    if not isinstance(local, LocalSGD):
        return None
    fills = max(1, int(np.median(sizes)) // TIMES)
    size = min(local.batch_size, USUAL, 2 ** (fills.bit_length() - 1))
    what = "the last, smaller batch kept"
    if size == local.batch_size:
        return edits.local(what, drop_last=False)
    return edits.local(f"batches of {size}, {what}", drop_last=False, batch_size=size)


CAUSE = Cause("FW114", "Batching throws examples away", suspect)
