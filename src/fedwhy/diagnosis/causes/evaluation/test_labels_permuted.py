"""FW503: the test set's labels are not the clients': classes renamed, or no rule at all."""

from __future__ import annotations

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.reading import agreement, renamed, shift_of
from fedwhy.diagnosis.finding import Severity, Suspicion

GAIN, SIGMAS = 0.1, 4.0
READABLE = 0.2  # Above the share of the greatest class.
LIKE = 0.25  # Test inputs that look so unlike the clients' are another cause.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where a classifier of the clients' labels reads others from the test inputs."""
    reading, shift = evidence.data.reading, evidence.data.test_shift
    if reading is None or shift is None or shift.mean[0] > LIKE or reading.test.sum() < 50:
        return None
    own = reading.confusion.sum(axis=0)
    before, train = float(agreement(reading.test)), float(agreement(own))
    if train < own.sum(axis=1).max() / own.sum() + READABLE:
        return None
    names = renamed(reading.test)
    if names is not None and shift_of(names, reading.test):
        return None  # Counted from another number: FW110.
    if names is not None:
        after = float(reading.test[np.arange(len(names)), names].sum() / reading.test.sum())
        error = np.sqrt(after * (1 - after) / reading.test.sum())
        if after - before > max(GAIN, SIGMAS * error):
            return permuted(names, before, after, train)
    # Labels without any rule agree as often as two independent draws.
    given, read = (reading.test.sum(axis=axis) / reading.test.sum() for axis in (1, 0))
    chance = float(given @ read)
    halfway = chance + (train - chance) / 2
    if before > halfway - SIGMAS * np.sqrt(halfway * (1 - halfway) / reading.test.sum()):
        return None
    return Suspicion(
        why=f"a linear classifier reads {train:.0%} of the clients' labels as they are given, and "
        f"{before:.0%} of the test set's, by no rule: its labels do not go with its inputs",
        confidence=0.85,
        evidence={"agreement": train, "agreement_of_test": before},
        severity=Severity.warning,
    )


def permuted(names: np.ndarray, before: float, after: float, train: float) -> Suspicion:
    """What is suspected of a test set whose class c is the clients' class `names[c]`."""
    wrong = np.flatnonzero(names != np.arange(len(names)))
    table = {int(c): int(names[c]) for c in wrong}
    shown = ", ".join(f"{c} is {k}" for c, k in list(table.items())[:4])
    return Suspicion(
        why=f"a linear classifier reads {before:.0%} of the test labels as they are given, and "
        f"{after:.0%} once classes are renamed (of the test set's, {shown}"
        f"{', ...' if len(table) > 4 else ''} at the clients); of the clients' own {train:.0%}",
        confidence=0.95,
        evidence={"agreement": before, "renamed": after, "clients": train, "classes": table},
        prescription=data_edits.labels(
            "the classes of the test set called as the clients call them",
            lambda y: y[..., np.argsort(names)] if wide(y) else names[y].astype(y.dtype),
            code=f"y_test = np.array({names.tolist()})[y_test]",
            of=data_edits.TESTS,
        ),
        severity=Severity.error,
    )


def wide(y: np.ndarray) -> bool:
    """Whether labels are one-hot."""
    return y.ndim > 1 and y.shape[-1] > 1


CAUSE = Cause("FW503", "The test set's labels are permuted", suspect)
