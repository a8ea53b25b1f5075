"""FW603: some clients send updates that point the wrong way."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import consistently, rows_of, with_others
from fedwhy.diagnosis.edits.clients import named, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Suspicion

# Cosines: against what the client trained, against the others, and of the others among each other.
TURNED, AGAINST, AGREE = -0.5, -0.3, 0.3
# The share of the other clients whose updates improve their own loss.
IMPROVE = 0.6


def suspect(evidence: Evidence) -> Suspicion | None:
    """Updates that raise the loss of their own client's examples, and are turned around."""
    found = consistently(evidence, suspicious)
    if not found or evidence.updates is None:
        return None
    updates = evidence.updates[0]
    rows = rows_of(updates, found)
    before, after = updates.before[rows].mean(), updates.after_sent[rows].mean()
    turned = updates.fidelity[rows]
    against = with_others(updates, updates.after_sent <= updates.before)[rows]
    names = [name for _, name in found]
    told = f"what {named(names)} sent raises the loss of the sender's own examples"
    compared = (
        f"a cosine of {turned.mean():.2f} with what was trained"
        if (turned < TURNED).all()
        else f"a cosine of {against.mean():.2f} with the others, who agree among each other"
    )
    return Suspicion(
        f"{told[0].upper()}{told[1:]} (from {before:.2f} to {after:.2f}), with {compared}",
        0.95 if (turned < TURNED).all() else 0.8,
        {
            "clients": names,
            "loss_before": updates.before[rows].tolist(),
            "loss_after": updates.after_sent[rows].tolist(),
            "cosine_with_trained": turned.tolist(),
            "cosine_with_others": against.tolist(),
        },
        without_clients([position for position, _ in found], evidence.setup),
    )


def suspicious(updates: Updates) -> np.ndarray:
    """Whose update makes things worse for itself, where most others' make them better."""
    worse = updates.after_sent > updates.before
    others = with_others(updates, ~worse)
    agree = np.median(others[~worse]) > AGREE if (~worse).any() else False
    unlike = agree | (updates.fidelity < -TURNED)
    turned = (updates.fidelity < TURNED) | (unlike & (others < AGAINST))
    improving = np.mean(updates.after_sent < updates.before)
    return worse & turned & (updates.norm > 0) & (improving >= IMPROVE)


CAUSE = Cause("FW603", "Some clients send updates that point the wrong way", suspect)
