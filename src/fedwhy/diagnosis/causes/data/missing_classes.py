"""FW102: no client holds some of the classes that the test set has."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

SERIOUS = 0.05
CHANCE = 0.01


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where a class is in the test set, and at no client."""
    own, test = evidence.data.labels, evidence.data.test_labels
    if test is None or own.form != test.form or own.classes != test.classes:
        return None
    missing = np.flatnonzero((own.counts.sum(axis=0) == 0) & (test.counts.sum(axis=0) > 0))
    # Labels out of range leave classes without examples, too, but that is another cause.
    if not missing.size or own.outside.any() or not own.counts.any():
        return None
    if by_chance(test.counts.sum(axis=0)[missing], int(test.counts.sum()), int(own.counts.sum())):
        return None  # What is missing then are examples.
    share = float(test.shares[missing].sum())
    names = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
    return Suspicion(
        why=f"no client holds an example of class {names}, which {share:.0%} of the test set are: "
        f"accuracy cannot pass {1 - share:.0%}",
        confidence=0.95,
        evidence={"classes": missing.tolist(), "share_of_test": share},
        prescription=data_edits.examples(
            f"a test set without class {names}, until clients are found who hold it",
            lambda data: ~np.isin(classes_of(data.y, own.form), missing),
            code=f"test = fw.Dataset(x[~np.isin(y, {missing.tolist()})], "
            f"y[~np.isin(y, {missing.tolist()})], classes={own.classes})",
            of=data_edits.TESTS,
        ),
        severity=Severity.error if share >= SERIOUS else Severity.warning,
    )


def by_chance(counts: np.ndarray, test: int, own: int) -> bool:
    """Whether each of these classes may be with the `test` examples alone by chance.

    With m examples of a class among all, none of them is among the `own` in
    `C(test, m) / C(test + own, m)` of all deals (Fisher's exact test).
    """
    logs = [np.log1p(-own / (test + own - np.arange(count))).sum() for count in counts.tolist()]
    return bool(min(logs) > np.log(CHANCE))


def classes_of(y: np.ndarray, form: str) -> np.ndarray:
    """The class of each example; of a sequence, the first."""
    return (y.argmax(-1) if form == "one-hot" else y).reshape(len(y), -1)[:, 0]


CAUSE = Cause("FW102", "Clients lack classes that the test set has", suspect)
