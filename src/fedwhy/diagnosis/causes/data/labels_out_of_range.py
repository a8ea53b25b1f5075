"""FW109: labels that are no class numbers."""

from __future__ import annotations

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.data.labels_shifted import shift_of
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.labels import CLASS_NUMBERS
from fedwhy.diagnosis.finding import Severity, Suspicion

FEW = 0.1  # Of the labels in range.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where labels lie outside `0..classes-1`, and not all of them are shifted."""
    data = evidence.data
    classes, own, test = data.classes, data.labels, data.test_labels
    outside = int(own.outside.sum()) + (0 if test is None else int(test.outside.sum()))
    if classes is None or own.form != CLASS_NUMBERS or not outside or shift_of(evidence):
        return None
    ends = [own] if test is None else [own, test]
    least, greatest = min(e.least for e in ends), max(e.greatest for e in ends)
    if evidence.setup.clients.classes is None and own.outside.sum() > FEW * own.counts.sum():
        return None  # Then the model has too few outputs.
    ignored = evidence.setup.model.ignored_class
    holders = evidence.setup.clients.ids[own.outside > 0].tolist()
    return Suspicion(
        why=f"{outside} labels lie outside 0..{classes - 1}: they run from {least:g} to "
        f"{greatest:g}" + (f", at {len(holders)} clients" if holders else ", in the test set"),
        confidence=0.97,
        evidence={
            "outside": outside,
            "least": least,
            "greatest": greatest,
            "classes": classes,
            "clients": holders[:10],
        },
        prescription=data_edits.examples(
            f"only examples whose label is in 0..{classes - 1}",
            lambda data: inside(data.y, classes, ignored),
            code=f"clients = clients.filter(lambda x, y: (y >= 0) & (y < {classes}))",
        ),
        severity=Severity.error,
    )


def inside(y: np.ndarray, classes: int, ignored: int | None) -> np.ndarray:
    """Which examples have labels in range only, bool `[examples]`."""
    rows = y.reshape(len(y), -1)
    fine = np.logical_and(rows >= 0, rows < classes)
    if ignored is not None:
        fine = np.logical_or(fine, rows == ignored)
    return np.all(fine, axis=1)


CAUSE = Cause("FW109", "Labels lie outside the classes", suspect)
