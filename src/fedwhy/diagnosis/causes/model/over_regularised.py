"""FW216: weight penalties that outweigh the loss."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, unpenalised
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """The penalty is larger than the loss at the initial weights."""
    facts = evidence.model
    if not facts.penalty > facts.loss > 0:
        return None
    times = facts.penalty / facts.loss
    return Suspicion(
        f"weight penalties begin at {facts.penalty:.2f}, {times:.1f} times the loss of "
        f"{facts.loss:.2f}: training shrinks weights before it learns",
        confidence=0.8 if times > 10 else 0.5 if times > 3 else 0.35,
        evidence={
            "penalty": facts.penalty,
            "loss": facts.loss,
            "penalty_gradient": facts.penalty_gradient,
            "gradient": facts.gradient,
        },
        prescription=edited(
            "no weight penalties",
            unpenalised,
            advice(
                evidence.setup,
                r"regularizer",
                f"Leave regularizers out, or make them {times * 10:.0f} times weaker.",
            ),
        ),
        standing=times > 3,
    )


CAUSE = Cause("FW216", "Weight penalties outweigh the loss", suspect)
