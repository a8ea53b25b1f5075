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
# The median of that cosine where messages arrive as they were trained, and the cosine with the
# others of one who sends their opposite.
FAITHFUL, OPPOSED = 0.9, -0.9
# A rise of the own loss that counts, relative to the median fall at those whose loss falls.
RISE = 0.2
# The share of the clients whose updates must improve their own loss.
IMPROVE = 0.6


def suspect(evidence: Evidence) -> Suspicion | None:
    """Updates that raise the loss of their own client's examples, or oppose all the others."""
    found = consistently(evidence, suspicious)
    if not found or evidence.updates is None:
        return None
    updates = evidence.updates[0]
    rows = rows_of(updates, found)
    turned = updates.fidelity[rows]
    against = with_others(updates, ~suspicious(updates))[rows]
    names = [name for _, name in found]
    rising = leads_up(updates)[rows].all()
    return Suspicion(
        rise_in_words(updates, rows, names, against)
        if rising
        else f"What {named(names)} sent is the opposite of what the others send (its cosine with "
        f"them is {against.mean():.2f}), and not what was trained ({turned.mean():.2f})",
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


def rise_in_words(updates: Updates, rows: np.ndarray, names: list[str], against: np.ndarray) -> str:
    """What such updates do to the loss of the clients in these rows."""
    before, begins = updates.before[rows].mean(), updates.begins[rows].mean()
    after, turned = updates.after_sent[rows].mean(), updates.fidelity[rows]
    compared = (
        f"; it has a cosine of {turned.mean():.2f} with what was trained"
        if (turned < TURNED).all()
        else f", where the other clients' updates lower theirs; its cosine with them is "
        f"{against.mean():.2f}"
    )
    return (
        f"What {named(names)} sent raises the loss of the sender's own examples (from "
        f"{before:.2f} to {begins:.2f} with a tenth of it and {after:.2f} with all of it){compared}"
    )


def suspicious(updates: Updates) -> np.ndarray:
    """Whose update makes things worse for itself from its first piece on, unlike most others'.

    Or, where most are sent as they were trained, whose is none of its own and opposes the others.
    """
    improving = np.mean(updates.begins < updates.before)
    told = (updates.fidelity > AS_TRAINED) | (updates.fidelity < TURNED)
    foreign = (updates.fidelity < AS_TRAINED) & (np.median(updates.fidelity) > FAITHFUL)
    opposed = (updates.norm > 0) & foreign & (with_others(updates) < OPPOSED)
    return (leads_up(updates) & told & (improving >= IMPROVE)) | opposed


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
