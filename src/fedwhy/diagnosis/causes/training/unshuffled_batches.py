"""FW310: clients visit their examples in the same order again and again."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# A shuffle buffer that holds less than this share of a client's examples leaves their order.
SMALL = 0.1
# Runs of equal labels that are so many times as long as by chance are sorted.
SORTED = 2.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """By `shuffle`, and by how much neighbouring examples of a client have the same label."""
    setup, local = evidence.setup, evidence.local
    if local is None or local.typical_steps < 2:
        return None
    shuffle, size = setup.local.shuffle, float(np.median(setup.clients.sizes))
    if shuffle is True or (shuffle is not False and shuffle > max(1, SMALL * size)):
        return None
    runs = runs_of_labels(setup)
    in_order = runs is not None and runs > SORTED
    how = "in their order" if shuffle is False else f"through a shuffle buffer of {shuffle}"
    found = f"; runs of one label are {runs:.2g} times as long as by chance" if in_order else ""
    return Suspicion(
        f"clients visit their examples {how}, the same in every round{found}",
        0.7 if in_order else 0.3,
        {"shuffle": shuffle, "runs": runs},
        edits.local("batches that are shuffled", shuffle=True),
        severity=Severity.warning if in_order else Severity.note,
    )


def runs_of_labels(setup: Setup) -> float | None:
    """How long runs of equal labels within clients are, relative to those of a random order.

    Of n examples with label counts n_k a random order has `n - sum n_k (n_k - 1) / n` changes and
    one, on average (Wald and Wolfowitz 1940, for two labels). A sum over clients; None where labels
    are no class numbers.
    """
    clients = setup.clients
    if clients.classes is None or clients.y.dtype.kind not in "iu" or clients.y.ndim != 1:
        return None
    y = clients.y.astype(np.int64)
    same_client = clients.owner[1:] == clients.owner[:-1]
    changes = np.count_nonzero((y[1:] != y[:-1]) & same_client)
    (owner, _), pair = np.unique(np.stack([clients.owner, y]), axis=1, return_counts=True)
    expected = len(y) - float(np.sum(pair * (pair - 1) / clients.sizes[owner])) - clients.clients
    return expected / max(changes, 1) if expected > 0 else None


CAUSE = Cause("FW310", "Batches are not shuffled", suspect)
