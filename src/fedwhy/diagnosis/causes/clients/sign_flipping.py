"""FW603: some clients send updates that point the wrong way."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import consistently, rows_of, with_others
from fedwhy.diagnosis.edits.clients import named, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Suspicion

# The cosine of what was trained and what was sent: turned around, and hardly changed.
TURNED, AS_TRAINED = -0.5, 0.5
# A rise of the own loss that counts, relative to the median fall at those whose loss falls.
RISE = 0.2
# The share of the clients whose updates must improve their own loss.
IMPROVE = 0.6


def suspect(evidence: Evidence) -> Suspicion | None:
    """Updates that raise the loss of their own client's examples, and are turned around."""
    found = consistently(evidence, suspicious)
    if not found or evidence.updates is None:
        return None
    updates = evidence.updates[0]
    rows = rows_of(updates, found)
    before, begins = updates.before[rows].mean(), updates.begins[rows].mean()
    after = updates.after_sent[rows].mean()
    turned = updates.fidelity[rows]
    against = with_others(updates, ~leads_up(updates))[rows]
    names = [name for _, name in found]
    told = f"what {named(names)} sent raises the loss of the sender's own examples"
    compared = (
        f"; it has a cosine of {turned.mean():.2f} with what was trained"
        if (turned < TURNED).all()
        else f", where the other clients' updates lower theirs; its cosine with them is "
        f"{against.mean():.2f}"
    )
    return Suspicion(
        f"{told[0].upper()}{told[1:]} (from {before:.2f} to {begins:.2f} with a tenth of it and "
        f"{after:.2f} with all of it){compared}",
        0.95,
        {
            "clients": names,
            "loss_before": updates.before[rows].tolist(),
            "loss_with_a_tenth": updates.begins[rows].tolist(),
            "loss_after": updates.after_sent[rows].tolist(),
            "cosine_with_trained": turned.tolist(),
            "cosine_with_others": against.tolist(),
        },
        without_clients([position for position, _ in found], evidence.setup),
    )


def suspicious(updates: Updates) -> np.ndarray:
    """Whose update makes things worse for itself from its first piece on, unlike most others'."""
    improving = np.mean(updates.begins < updates.before)
    told = (updates.fidelity > AS_TRAINED) | (updates.fidelity < TURNED)
    return leads_up(updates) & told & (improving >= IMPROVE)


def leads_up(updates: Updates) -> np.ndarray:
    """Whose update leads up the loss of the sender's own examples, bool `[clients]`.

    The first piece of an update tells its direction: one that is only too long goes down at first,
    and one that is turned around goes up. The rise counts from `RISE` of the fall at others.
    """
    change = updates.begins - updates.before
    fallen = change[change < 0]
    fall = float(np.median(-fallen)) if len(fallen) else 0.0
    return (updates.norm > 0) & (change > RISE * fall) & (updates.after_sent > updates.before)


CAUSE = Cause("FW603", "Some clients send updates that point the wrong way", suspect)
