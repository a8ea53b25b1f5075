"""FW104: clients' inputs look different, beyond what their labels explain."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm, replaceable
from fedwhy.diagnosis.edits.harmonising import harmonised
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.shift import Shift
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ModelError

MEAN, SPREAD = 0.25, 0.35
SURE = 0.8
ENOUGH = 20  # Examples of a client, for its spread to tell something.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where the mean inputs of clients, or how far theirs spread, lie apart.

    Or where images of some are turned.
    """
    data = evidence.data
    if data.shift is None or data.table is None or len(data.sizes) < 2:
        return None
    weights = data.table.sizes / data.table.sizes.sum()
    known = data.table.sizes >= ENOUGH
    mean = float(np.sqrt((weights * np.square(data.shift.mean)).sum()))
    spread = float((weights * np.abs(data.shift.spread))[known].sum())
    turned = evidence.setup.clients.ids[data.turned].tolist()
    if mean < MEAN and spread < SPREAD and not turned:
        return None
    milder = remedy(evidence.setup)
    far = int(data.table.clients[furthest(data.shift, known)])
    return Suspicion(
        why=f"clients' mean inputs lie {mean:.2f} standard deviations from what their labels lead "
        f"to expect, and their spread is off by a factor of {2**spread:.1f}; most at client "
        f"{evidence.setup.clients.ids[far].item()!r}"
        if not turned
        else f"images of {len(turned)} of {len(data.sizes)} clients, such as {turned[0]!r}, are "
        "like the others' of the same labels once they are turned or mirrored",
        confidence=SURE if turned else round(min(SURE, 0.2 + 0.4 * max(mean, spread)), 2),
        evidence={
            "mean_shift": mean,
            "spread_shift": spread,
            "furthest": far,
            "turned": turned[:10],
        },
        prescription=harmonised(),
        # Other algorithms help against other skews, too, and prove nothing.
        counterfactual=harmonised(),
        severity=Severity.note,
        others=() if milder is None else (milder,),
    )


def furthest(shift: Shift, known: np.ndarray) -> int:
    """Which client looks most different, of those of enough examples, if any has so many.

    It is told by the means, where any is far. The spread of one who holds numbers of another size
    makes that of all others seem small.
    """
    spread = np.abs(shift.spread - np.median(shift.spread))
    apart = shift.mean if shift.mean.max() >= MEAN else spread
    return int(np.argmax(np.where(known | ~known.any(), apart, -1)))


def remedy(setup: Setup) -> Edit | None:
    """Layers of each client's own that undo the shift, where the model has any; else SCAFFOLD."""
    if not replaceable(setup):
        return None
    try:
        setup.model.in_normalization("")
    except ModelError:
        return algorithm("scaffold")
    return algorithm("fedbn")


CAUSE = Cause("FW104", "Clients' inputs look different", suspect)
