"""FW115: several clients hold the same examples."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

LEAST, MANY = 0.01, 0.1
CONFUSED = 0.25  # Copies with so many labels of others are inputs that are alike by chance.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it by hashes of the examples."""
    copies = evidence.data.copies
    if copies is None or copies.elsewhere.mean() < LEAST or copies.confused > CONFUSED:
        return None
    share, count = float(copies.elsewhere.mean()), int(copies.elsewhere.sum())
    return Suspicion(
        why=f"{count} examples, {share:.0%} of all, are copies of an example of an earlier client: "
        "they count more than once, and clients know less than their sizes tell",
        confidence=0.3 if share >= MANY else 0.15,
        evidence={"copies": count, "share": share},
        prescription=data_edits.examples(
            "every example at one client only",
            data_edits.only(evidence.setup.clients, ~copies.elsewhere),
            code="clients = clients.filter(first)  # True where no earlier client has the example",
            of=("clients",),
        ),
        severity=Severity.warning if share >= MANY else Severity.note,
    )


CAUSE = Cause("FW115", "Clients hold copies of the same examples", suspect)
