"""FW116: examples of the test set are among the clients' examples."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

LEAST, MANY = 0.01, 0.05
CONFUSED = 0.25  # Copies with so many labels of others are inputs that are alike by chance.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it by hashes of the examples."""
    copies, test = evidence.data.copies, evidence.setup.test
    if copies is None or test is None or copies.tested < LEAST or copies.test_confused > CONFUSED:
        return None
    many = copies.tested >= MANY
    return Suspicion(
        why=f"{copies.tested:.0%} of the test set are among the clients' examples: the test score "
        "measures what was learned by heart, too, and is too good",
        confidence=0.9 if many else 0.3,
        evidence={"share_of_test": copies.tested, "examples": int(copies.in_test.sum())},
        prescription=without_test(evidence),
        severity=Severity.warning if many else Severity.note,
    )


def without_test(evidence: Evidence) -> Edit | None:
    """The clients without the test set's examples."""
    copies = evidence.data.copies
    if copies is None or copies.in_test.all():
        return None
    return data_edits.examples(
        "clients without the test set's examples",
        data_edits.only(evidence.setup.clients, ~copies.in_test),
        code="clients = clients.filter(unseen)  # True where the test set has not the example",
        of=("clients",),
    )


CAUSE = Cause("FW116", "Test examples are in the training data", suspect)
