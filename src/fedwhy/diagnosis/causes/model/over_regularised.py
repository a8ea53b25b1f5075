"""FW216: weight penalties that outweigh the loss."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, unpenalised
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# The pull of a penalty relative to that of the loss, from which on it may matter, and matters.
FELT, STRONG = 0.1, 0.4


def suspect(evidence: Evidence) -> Suspicion | None:
    """The penalty, or its gradient, is as large as the loss's own at the initial weights.

    Where training begins, the loss's gradient is at its largest, and it shrinks as examples are
    learned, while that of the penalty grows with the weights: a pull of `STRONG` times the loss's
    then holds weights near zero all through the run.
    """
    facts = evidence.model
    times = facts.penalty / facts.loss if facts.loss > 0 else 0.0
    pull = facts.penalty_gradient / facts.gradient if facts.gradient > 0 else 0.0
    if not (times > 1 or pull > FELT):
        return None
    strong = times > 3 or pull > STRONG
    return Suspicion(
        f"weight penalties begin at {facts.penalty:.2f} beside a loss of {facts.loss:.2f}, and "
        f"pull at the weights {pull:.2f} times as much as it does: training shrinks them instead "
        "of learning",
        confidence=0.8 if times > 10 or pull > 1 else 0.6 if strong else 0.35,
        evidence={
            "penalty": facts.penalty,
            "loss": facts.loss,
            "penalty_gradient": facts.penalty_gradient,
            "gradient": facts.gradient,
            "pull": pull,
        },
        prescription=edited(
            "no weight penalties",
            unpenalised,
            advice(
                evidence.setup,
                r"regularizer",
                f"Leave regularizers out, or make them {weaker(times, pull):.0f} times weaker.",
            ),
        ),
        standing=strong,
    )


def weaker(times: float, pull: float) -> float:
    """How many times weaker penalties are a tenth of the loss, and pull a hundredth of it."""
    return max(10 * times, 100 * pull)


CAUSE = Cause("FW216", "Weight penalties outweigh the loss", suspect)
