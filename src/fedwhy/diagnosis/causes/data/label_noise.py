"""FW112: labels at some clients, or at all, do not go with their inputs."""

from __future__ import annotations

import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.reading import Reading, agreement
from fedwhy.diagnosis.finding import Edit, Suspicion

GAP = 0.2  # In the share of labels that a classifier reads as they are given.
SIGMAS = 4.0
ENOUGH = 10  # Examples of a client.
READABLE = 0.2  # Above the share of the greatest class.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where a classifier reads other labels than given, at some clients only.

    Or at all clients, where it reads the test set's labels as they are.
    """
    reading = evidence.data.reading
    if reading is None or evidence.data.table is None:
        return None
    noisy = noisy_clients(reading)
    everywhere = gap_to_test(reading)
    if not noisy.size and everywhere < GAP:
        return None
    own = agreement(reading.confusion)
    all_agree = float(agreement(reading.confusion.sum(axis=0)))
    positions = evidence.data.table.clients[noisy]
    ids = evidence.setup.clients.ids[positions].tolist()
    if noisy.size:
        others = np.delete(reading.confusion, noisy, axis=0).sum(axis=0)
        rest = float(agreement(others))
        named = ", ".join(map(repr, ids[:5])) + (", ..." if len(ids) > 5 else "")
        why = (
            f"a linear classifier reads {own[noisy].mean():.0%} of the labels of client {named} as "
            f"they are given, and {rest:.0%} of the others'"
        )
    else:
        positions, rest = evidence.data.table.clients, float(agreement(reading.test))
        why = (
            f"a linear classifier reads {all_agree:.0%} of the clients' labels as they are given, "
            f"and {rest:.0%} of the test set's, which it was not fitted on"
        )
    return Suspicion(
        why=why,
        confidence=0.85 if not flipped(reading.confusion[noisy].sum(axis=0)) else 0.5,
        evidence={
            "clients": ids,
            "agreement": own[noisy].tolist() if noisy.size else [all_agree],
            "agreement_of_others": rest,
        },
        prescription=without_contradictions(evidence, positions),
    )


def noisy_clients(reading: Reading) -> np.ndarray:
    """Places of clients whose labels are read as given far less often than those like them are.

    What to expect are the recalls of the classes at the better half of the clients; a client must
    fall short by `GAP`, and by `SIGMAS` standard errors.
    """
    confusion = reading.confusion
    sizes, own = confusion.sum(axis=(1, 2)), agreement(confusion)
    better = own >= np.median(own[sizes > 0])
    good = confusion[better].sum(axis=0)
    good = np.where(good.sum(axis=1, keepdims=True) >= ENOUGH, good, confusion.sum(axis=0))
    recall = np.diagonal(good) / np.maximum(good.sum(axis=1), 1)
    shares = confusion.sum(axis=2) / np.maximum(sizes, 1)[:, None]
    expected = shares @ recall
    likely = np.clip(expected, 0.1, 0.9)  # Recalls near 1 are of few examples.
    error = np.sqrt(likely * (1 - likely) / np.maximum(sizes, 1))
    short = expected - own
    return np.flatnonzero((short > GAP) & (short > SIGMAS * error) & (sizes >= ENOUGH))


def gap_to_test(reading: Reading) -> float:
    """By how much the test set's labels are read better than the clients' own."""
    if reading.test.sum() < 5 * ENOUGH:
        return 0.0
    greatest = reading.test.sum(axis=1).max() / reading.test.sum()
    test = float(agreement(reading.test))
    if test < greatest + READABLE:
        return 0.0
    return test - float(agreement(reading.confusion.sum(axis=0)))


def flipped(confusion: np.ndarray) -> bool:
    """Whether given labels `[classes, classes]` are rather another's than their own, each."""
    moved = confusion * (1 - np.eye(len(confusion), dtype=np.int64))
    return bool(moved.max(axis=1).sum() > np.trace(confusion) and moved.sum() > 0)


def without_contradictions(evidence: Evidence, positions: np.ndarray) -> Edit:
    """The examples of these clients left out whose label the classifier contradicts."""
    clients = evidence.setup.clients
    rows = np.flatnonzero(np.isin(clients.owner, positions))
    labels = clients.y[rows].reshape(len(rows), -1)

    def agrees(data: FederatedDataset) -> np.ndarray:
        kept = np.ones(len(data), bool)
        data_edits.same_rows(data, clients)
        given = labels.argmax(-1) if labels.shape[1] > 1 else labels[:, 0]
        kept[rows] = evidence.data.read_labels(rows) == given
        return kept

    return data_edits.examples(
        "examples left out whose label a classifier of all clients contradicts",
        agrees,
        code="clients = clients.filter(agrees)  # those that the classifier reads as given",
        of=("clients",),
    )


CAUSE = Cause("FW112", "Labels do not go with the inputs at some clients", suspect)
