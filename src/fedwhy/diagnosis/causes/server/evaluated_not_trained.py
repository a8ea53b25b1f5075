"""FW410: the model that is evaluated, or sent to clients, is not the one that is trained."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# A model that has come less than this share of the way in ten rounds does not follow.
BEHIND = 0.02
# A training loss that falls by more than this says that something is learned.
LEARNED = 0.2


def suspect(evidence: Evidence) -> Suspicion | None:
    """By moving the server's weights and looking at what is evaluated and sent, or by the run."""
    server = evidence.server
    if server is not None and not server.sent:
        return Suspicion(
            "what clients receive stays the same while the server's weights move, so every round "
            "trains the same model anew",
            0.97,
            {"sent": False},
            Edit(
                "clients that receive the server's weights",
                edits.without_change,
                code="Algorithm(..., broadcast=...)  ->  "
                "broadcast=lambda server: Broadcast(server.weights)",
            ),
            severity=Severity.error,
        )
    if server is not None and server.followed < BEHIND:
        return Suspicion(
            f"a tensor of the evaluated model goes {server.followed:.1%} of the way of the "
            "server's weights in ten rounds",
            0.97 if server.followed < BEHIND / 10 else 0.8,
            {"followed": server.followed},
            edits.judged_by_the_model(),
            severity=Severity.error if server.followed < BEHIND / 10 else Severity.warning,
        )
    train, judged = evidence.curve("train_loss"), frozen(evidence)
    if len(train) < curves.LEAST or not judged or curves.fall(train) < LEARNED:
        return None
    return Suspicion(
        f"the training loss falls from {train[0]:.3g} to {train[-1]:.3g}, and {judged} is the same "
        "to the last digit in every evaluation",
        0.8,
        {"frozen": judged, "train_loss": [train[0], train[-1]]},
        edits.judged_by_the_model(),
        standing=False,
    )


def frozen(evidence: Evidence) -> str:
    """The loss of an evaluation that never changes; nothing where each does."""
    for name in ("test_loss", "clients_loss"):
        values = evidence.curve(name)
        if len(values) >= curves.LEAST and len(set(values)) == 1:
            return name
    return ""


CAUSE = Cause("FW410", "The evaluated model is not the trained one", suspect)
