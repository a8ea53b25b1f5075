"""FW110: labels count from one, or are off by one in another way."""

from __future__ import annotations

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.labels import CLASS_NUMBERS, Labels
from fedwhy.diagnosis.facts.reading import renamed
from fedwhy.diagnosis.facts.reading import shift_of as step_of
from fedwhy.diagnosis.finding import Severity, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where all labels of the clients, or of the test set, fit once shifted by one."""
    found = shift_of(evidence)
    if found is None:
        return against_test(evidence)
    (where, by), classes = found, evidence.data.classes
    of_test = evidence.data.test_labels if where == data_edits.TESTS else None
    labels = evidence.data.labels if of_test is None else of_test
    whose = {data_edits.CLIENTS: "clients'", data_edits.TESTS: "the test set's"}.get(where, "all")
    sign = f"y - {by}" if by > 0 else f"y + {-by}"
    return Suspicion(
        why=f"{whose} labels run from {labels.least:g} to {labels.greatest:g}, and {classes} "
        f"classes are 0..{(classes or 0) - 1}",
        confidence=0.97,
        evidence={
            "least": labels.least,
            "greatest": labels.greatest,
            "classes": classes,
            "shift": by,
            "where": list(where),
        },
        prescription=data_edits.labels(
            f"{by} subtracted from {whose} labels" if by > 0 else f"1 added to {whose} labels",
            lambda y: (y.astype(np.int64) - by).astype(np.int32),
            code=f"y = {sign}",
            of=where,
        ),
        severity=Severity.error,
    )


def against_test(evidence: Evidence) -> Suspicion | None:
    """Suspects it where the clients' labels are those that the test set has for the same, but 1."""
    reading, classes = evidence.data.reading, evidence.data.classes
    names = None if reading is None else renamed(reading.test)
    by = 0 if reading is None or names is None else step_of(names, reading.test)
    if not by:
        return None
    return Suspicion(
        why=f"what the test set calls class 1 is class {1 + by} at the clients, and so are all "
        "classes: a linear classifier reads them so",
        confidence=0.97,
        evidence={"classes": classes, "shift": by, "where": list(data_edits.CLIENTS)},
        prescription=data_edits.labels(
            f"{by} subtracted from the clients' labels" if by > 0 else "1 added to their labels",
            lambda y: (y.astype(np.int64) - by).astype(np.int32),
            code="y = y - 1" if by > 0 else "y = y + 1",
            of=data_edits.CLIENTS,
        ),
        severity=Severity.error,
    )


def shift_of(evidence: Evidence) -> tuple[tuple[str, ...], int] | None:
    """Whose labels are too high by how much, 1 or -1; None where they are not off by one."""
    data = evidence.data
    if data.classes is None or data.labels.form != CLASS_NUMBERS:
        return None
    own, test = data.labels, data.test_labels
    ours = off_by_one(own, data.classes)
    theirs = 0 if test is None else off_by_one(test, data.classes)
    if ours and theirs == ours:
        return data_edits.ALL, ours
    if ours and not (test is not None and test.outside.any()):
        # A test set without its highest label may be shifted and not show it.
        both = test is not None and test.least >= 1 and ours > 0
        return (data_edits.ALL if both else data_edits.CLIENTS), ours
    if theirs and not own.outside.any():
        return data_edits.TESTS, theirs
    return None


def off_by_one(labels: Labels, classes: int) -> int:
    """1 where labels run from 1 to `classes`, -1 where from -1 to at most `classes - 2`; else 0."""
    if labels.least >= 1 and labels.greatest == classes:
        return 1
    return -1 if labels.least == -1 and labels.greatest == classes - 2 else 0


CAUSE = Cause("FW110", "Labels are shifted by one", suspect)
