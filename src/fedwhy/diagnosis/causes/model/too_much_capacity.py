"""FW207: the model learns its clients' examples by heart."""

from statistics import fmean

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.sizes import smaller
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Training accuracy near one, and test accuracy well below it."""
    facts, examples = evidence.model, len(evidence.setup.clients.y)
    training, test = evidence.curve("train_accuracy"), evidence.curve("test_accuracy")
    if facts.outputs is None or not training or not test:
        return None
    learned, told = fmean(training[-3:]), fmean(test[-3:])
    if learned < 0.9 or learned - told < 0.1 or facts.parameters < examples:
        return None
    times = facts.parameters / examples
    return Suspicion(
        f"clients predict {learned:.0%} of their own examples and {told:.0%} of the test set, with "
        f"{times:.0f} parameters for each example there is",
        confidence=0.3 if times > 10 else 0.2,
        evidence={
            "train_accuracy": learned,
            "test_accuracy": told,
            "parameters": facts.parameters,
            "examples": examples,
        },
        prescription=smaller(evidence.setup, facts),
        standing=False,
    )


CAUSE = Cause("FW207", "The model is large enough to learn examples by heart", suspect)
