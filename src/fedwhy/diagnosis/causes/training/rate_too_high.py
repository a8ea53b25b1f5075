"""FW301: the learning rate at the clients is too high."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.training.rate_too_low import USUAL, USUAL_ADAPTIVE
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Suspicion

# Effective rates, and those of adaptive optimizers, above which few models train.
HIGH, HIGH_ADAPTIVE = 1.0, 0.03
# A rate that is lower than this share of those is not why nothing is learned.
MODERATE = 0.1
# Weights that a round changes by more than this share of themselves are not fine-tuned but thrown.
LARGE_UPDATE = 1.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """By what local training does to the loss, by the size of updates, and by the rate itself."""
    local = evidence.local
    if local is None or not local.rate > 0:
        return None
    rate = local.rate if local.adaptive else local.rate * max(local.momentum, 1.0)
    excess = rate / (HIGH_ADAPTIVE if local.adaptive else HIGH)
    signs = dict(filter(None, (worse(evidence), thrown(evidence), shape(evidence, excess))))
    if excess >= 1:
        signs["a step of this size is rare"] = 0.3
    if not signs:
        return None
    worst = max(signs, key=lambda sign: signs[sign])
    change = curves.relative(evidence, "local_loss_last", "local_loss_first")
    learns = change is not None and change < 1  # Then it is the server that jumps, as in FW401.
    usual = USUAL_ADAPTIVE if local.adaptive else USUAL
    tens = np.clip(np.round(np.log10(rate / usual)), 2 if curves.diverged(evidence) else 1, 3)
    return Suspicion(
        f"{worst}; a local step goes {rate:.2g} times as far as its gradient"
        if not local.adaptive
        else f"{worst}; a local step moves every parameter by about {rate:.2g}",
        signs[worst] * (0.5 if learns and not curves.diverged(evidence) else 1.0),
        {"rate": rate, "adaptive": local.adaptive, "signs": list(signs)},
        edits.rate(10.0 ** -tens.item()),
        standing=False,
    )


def worse(evidence: Evidence) -> tuple[str, float] | None:
    """Local training leaves clients with a higher loss than it found."""
    if curves.diverged(evidence):
        return "numbers of the run are no longer finite", 0.6
    changes = curves.relative(evidence, "local_loss_last", "local_loss_first")
    if changes is not None and changes > 1:
        return f"a client's loss is {changes:.2f} times as high after its local training", 0.7
    for updates in evidence.updates or ():
        share = float(np.mean(~(updates.after <= updates.before)))
        if share > 0.5:
            return f"local training raises the loss of {share:.0%} of the clients", 0.7
    return None


def thrown(evidence: Evidence) -> tuple[str, float] | None:
    """Updates are large beside the weights."""
    size = curves.relative(evidence, "update_norm_mean", "weights_norm")
    if size is None or size < LARGE_UPDATE:
        return None
    return f"a client's update is {size:.2g} times as long as the weights", 0.5


def shape(evidence: Evidence, excess: float) -> tuple[str, float] | None:
    """The loss rises, swings, or stays where it began though the rate is not low."""
    loss, judged = evidence.curve("train_loss"), curves.losses(evidence)
    if len(loss) < curves.LEAST:
        return None
    if curves.fall(loss) < -0.05:
        return f"the training loss has risen from {loss[0]:.3g} to {loss[-1]:.3g}", 0.5
    if (share := curves.swings(loss)) >= 0.3:
        return f"the training loss jumps up in {share:.0%} of the rounds", 0.4
    if excess > MODERATE and curves.fall(judged) < 0.05:
        return (
            f"the loss goes from {judged[0]:.3g} to {judged[-1]:.3g}",
            0.4 if excess > 1 else 0.25,
        )
    return None


CAUSE = Cause("FW301", "The client learning rate is too high", suspect)
