"""FW114: clients whose examples never fill a batch train on nothing."""

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

SILENT, LOST = 0.05, 0.3
MOST = 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where `drop_last` leaves clients without a batch, or many examples unseen."""
    data = evidence.data
    if not data.batching.drop_last:
        return None
    sizes, visited = data.sizes, data.visited
    silent = float(sizes[visited == 0].sum() / sizes.sum())
    lost = 1 - float((visited * sizes).sum() / sizes.sum())
    if silent < SILENT and lost < LOST:
        return None
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
        prescription=remedy(evidence.setup),
        severity=Severity.error if silent > MOST else Severity.warning,
    )


def remedy(setup: Setup) -> Edit | None:
    """Smaller batches trained on, too."""
    if not isinstance(setup.local, LocalSGD):
        return None
    return edits.local("the last, smaller batch kept", drop_last=False)


CAUSE = Cause("FW114", "Batching throws examples away", suspect)
