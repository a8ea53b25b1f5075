"""FW103: a few clients hold most of the examples."""

import numpy as np

from fedwhy.algorithms import LocalSGD
from fedwhy.data.skew import effective_clients
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm, replaceable
from fedwhy.diagnosis.edits.redealing import same_sizes
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

MOST = 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where the clients' sizes are as uneven as if half of them held all."""
    sizes = evidence.data.sizes
    effective = effective_clients(sizes)
    if len(sizes) < 2 or effective > MOST * len(sizes):
        return None
    largest, median = int(sizes.max()), float(np.median(sizes))
    return Suspicion(
        why=f"clients hold {sizes.min()} to {largest} examples, median {median:g}: in a mean "
        f"weighted by examples the {len(sizes)} clients count like {effective:.1f} equal ones",
        confidence=0.3,
        evidence={
            "effective_clients": effective,
            "clients": len(sizes),
            "largest": largest,
            "median": median,
        },
        prescription=remedy(evidence.setup, median),
        counterfactual=same_sizes(),
        severity=Severity.note,
    )


def remedy(setup: Setup, median: float) -> Edit | None:
    """FedNova, which undoes that large clients take more steps; or as many steps for all."""
    if replaceable(setup):
        return algorithm("fednova")
    if not isinstance(setup.local, LocalSGD) or setup.local.epochs is None:
        return None
    steps = max(1, round(setup.local.epochs * median / setup.local.batch_size))
    return edits.local(f"{steps} local steps at every client", steps=steps, epochs=None)


CAUSE = Cause("FW103", "A few clients hold most of the examples", suspect)
