"""FW303: clients train for so long that they drift apart."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Suspicion

# Clients that take fewer steps have hardly the time to drift.
FEWEST = 10
# By which share of itself a client's own loss falls in a round of too much local training.
FAR = 0.3
# The mean of updates of which a pair has this cosine is short beside them.
APART = 0.3


def suspect(evidence: Evidence) -> Suspicion | None:
    """Many local steps, by which clients fit their own data and their updates part."""
    local = evidence.local
    if local is None or local.typical_steps < FEWEST or evidence.history is None:
        return None
    ends = curves.relative(evidence, "local_loss_last", "local_loss_first")
    shared = curves.relative(evidence, "aggregate_norm", "update_norm_mean")
    cosine, before_after = agreement(evidence)
    if ends is None:
        ends = before_after
    overfits = ends is not None and ends < 1 - FAR
    apart = cosine is not None and cosine < APART
    if shared is not None and cosine is None:
        apart = shared < np.sqrt(APART)
    if not (overfits or apart):
        return None
    found = [f"clients take {local.typical_steps} local steps"]
    if overfits:
        found.append(f"after which their own loss is {ends:.2g} times what it was")
    if apart:
        found.append(
            f"and their updates have a cosine of {cosine:.2f}"
            if cosine is not None
            else f"and the mean of their updates is {shared:.2g} times as long as they are"
        )
    return Suspicion(
        ", ".join(found),
        0.5 if overfits and apart else 0.3,
        {"steps": local.typical_steps, "loss_ratio": ends, "cosine": cosine, "shared": shared},
        edits.fewer_steps(10 if local.typical_steps >= 50 else 5, evidence.setup),
        standing=False,
    )


def agreement(evidence: Evidence) -> tuple[float | None, float | None]:
    """The cosine between clients' updates, and their loss after over that before training."""
    cosines = [value for value in evidence.curve("update_cosine") if np.isfinite(value)]
    cosine = float(np.median(cosines)) if cosines else None
    if evidence.updates is None:
        return cosine, None
    trained = evidence.updates[1]
    pairs = trained.cosine[~np.eye(len(trained.norm), dtype=bool)]
    if cosine is None and len(pairs):
        cosine = float(pairs.mean())
    before = float(np.mean(trained.before))
    return cosine, float(np.mean(trained.after)) / before if before else None


CAUSE = Cause("FW303", "Clients drift apart in too many local steps", suspect)
