"""FW602: some clients' labels are flipped.

As LFighter (Jebreel, Domingo-Ferrer, Sanchez and Blanco-Justicia, "LFighter: Defending against the
label-flipping attack in federated learning", Neural Networks 2024), it looks at source and target
classes by themselves, for a flip is hidden in the norm and the angle of a whole update. Where
LFighter compares gradients of the output layer, which carry `predicted - label` for each class,
this compares these two themselves, at the trained model.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from scipy.stats import binom

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import MOST
from fedwhy.diagnosis.edits.clients import named, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# Examples that a client must hold of a label, for something to be said of them.
LEAST = 5
# Shares of a label's examples: taken for one other class at the client; recognised at the others,
# and taken for that class there.
FLIPPED, RECOGNISED, CONFUSED = 0.5, 0.5, 0.2
# How unlikely the count must be, if the client's labels were like the others'.
CHANCE = 1e-4


class Flip(NamedTuple):
    """At the client in this row of the updates, examples with a `label` look like class `seen`.

    They are a `share` of those with the label; at the median of the other clients it is `usual`.
    """

    row: int
    label: int
    seen: int
    share: float
    usual: float


def suspect(evidence: Evidence) -> Suspicion | None:
    """Labels that the trained model takes for one other class, at a few clients only.

    One label of a client may be taken for another by chance of the model: it stands if there are
    several. A model that does not know half of the examples tells nothing.
    """
    updates = evidence.updates[-1] if evidence.updates else None
    confusion = updates.confusion if updates else None
    if updates is None or confusion is None or np.median(recognised(confusion)) < RECOGNISED:
        return None
    found = surest(flips(confusion))
    rows = sorted({flip.row for flip in found})
    if not rows or len(rows) >= MOST * len(updates.ids):
        return None
    names = [updates.ids[row] for row in rows]
    clearest = max(found, key=lambda flip: flip.share)
    other_rows = np.setdiff1d(np.arange(len(updates.ids)), rows)
    several = len(found) > len(rows)
    return Suspicion(
        f"At {named(names)} the trained model takes {clearest.share:.0%} of the examples labelled "
        f"{clearest.label} for class {clearest.seen}, at the other clients {clearest.usual:.0%}; "
        f"the loss there is {updates.before[rows].mean():.2f}, elsewhere "
        f"{updates.before[other_rows].mean():.2f}",
        0.9 if several else 0.6,
        {
            "clients": names,
            "flips": [
                {"client": updates.ids[flip.row], **flip._asdict() | {"row": flip.row}}
                for flip in found
            ],
        },
        without_clients(updates.position[rows].tolist(), evidence.setup),
        standing=several,
    )


def surest(found: list[Flip]) -> list[Flip]:
    """Those of clients with several flips; where no client has several, all of them."""
    times = Counter(flip.row for flip in found)
    return [flip for flip in found if times[flip.row] > 1] or found


def recognised(confusion: np.ndarray) -> np.ndarray:
    """The share of each client's examples that the model recognises, `[clients]`."""
    right = np.trace(confusion, axis1=1, axis2=2)
    return right / np.maximum(confusion.sum(axis=(1, 2)), 1)


def flips(confusion: np.ndarray) -> list[Flip]:
    """Flipped labels, of counts `[clients, label, predicted]`.

    A client whose labels are all taken for one class is left out: its inputs are odd, or the model
    knows that class only.
    """
    counts = confusion.sum(axis=2)
    shares = np.where(counts >= LEAST, 1.0, np.nan)[..., None] * confusion
    shares = shares / np.maximum(counts, 1)[..., None]
    found: list[Flip] = []
    for row in range(len(confusion)):
        others = np.delete(shares, row, axis=0)
        own = [
            flip
            for k in range(confusion.shape[1])
            if (flip := flipped(row, k, confusion[row, k], shares[row, k], others)) is not None
        ]
        if len(own) == 1 or len({flip.seen for flip in own}) > len(own) / 2:
            found += own
    return found


def flipped(
    row: int, label: int, counts: np.ndarray, shares: np.ndarray, others: np.ndarray
) -> Flip | None:
    """What the examples of a client with a label are taken for, if that is odd.

    `counts` and `shares` `[predicted]` are theirs, `others` `[clients, label, predicted]` the
    shares at all other clients, NaN where they hold too few.
    """
    if np.isnan(shares).any():
        return None
    wrong = np.where(np.arange(len(counts)) == label, -1, counts)
    seen = int(wrong.argmax())
    here, there = others[:, label], others[:, seen]
    here, there = here[~np.isnan(here[:, 0])], there[~np.isnan(there[:, 0])]
    if shares[seen] < FLIPPED or not len(here) or not len(there):
        return None
    usual = float(np.median(here[:, seen]))
    known = min(np.median(here[:, label]), np.median(there[:, seen])) >= RECOGNISED
    chance = binom.sf(counts[seen] - 1, counts.sum(), max(usual, 0.1))
    if not known or usual > CONFUSED or chance > CHANCE:
        return None
    return Flip(row, label, seen, float(shares[seen]), usual)


CAUSE = Cause("FW602", "Some clients' labels are flipped", suspect)
