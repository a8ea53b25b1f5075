"""FW105: examples are sorted by label, and not shuffled."""

import numpy as np

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Suspicion

LEAST = 0.5
FULL = 0.5  # A shuffle buffer for so many of a client's examples is nearly a whole shuffle.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where labels come in runs, and batches are made of neighbours."""
    shuffle = evidence.data.batching.shuffle
    order, sizes = evidence.data.order, evidence.data.sizes
    known = np.isfinite(order)
    # One batch of all examples has no order.
    known &= sizes > evidence.data.batching.batch_size
    if shuffle is True or not known.any():
        return None
    if shuffle is not False and shuffle >= FULL * np.median(sizes[known]):
        return None
    runs = float((order[known] * sizes[known]).sum() / sizes[known].sum())
    if runs < LEAST:
        return None
    how = "are not shuffled" if shuffle is False else f"are shuffled within {shuffle} neighbours"
    return Suspicion(
        why=f"clients' examples come sorted by label ({runs:.2f} of the way from a random order to "
        f"a sorted one) and {how}: a batch holds hardly more than one label",
        confidence=0.85,
        evidence={"sortedness": runs, "shuffle": shuffle},
        prescription=shuffled(evidence),
    )


def shuffled(evidence: Evidence) -> Edit:
    """Batches drawn from all of a client's examples."""
    if isinstance(evidence.setup.local, LocalSGD):
        return edits.local("examples shuffled in every epoch", shuffle=True)
    return Edit(
        "examples shuffled once",
        lambda setup: data_edits.on_data(setup, lambda data: data.shuffled(), ("clients",)),
        code="clients = clients.shuffled(seed=0)",
    )


CAUSE = Cause("FW105", "Examples are sorted by label and not shuffled", suspect)
