"""FW212: gradients so large that a single step ruins the model."""

import math

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import (
    LARGE_INPUTS,
    explodes,
    explosion,
    mismatched,
    weight_norm,
)
from fedwhy.diagnosis.edits.model import weights_anew
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.model import ModelFacts
from fedwhy.diagnosis.finding import Edit, Suspicion
from fedwhy.diagnosis.setup import Setup


def suspect(evidence: Evidence) -> Suspicion | None:
    """The gradient at the initial weights is larger than the weights, or no number."""
    facts = evidence.model
    if not explodes(facts) or mismatched(facts) or not math.isfinite(facts.inputs):
        return None
    return Suspicion(
        f"the first gradient has a norm of {facts.gradient:.3g}, with weights of norm "
        f"{weight_norm(facts):.3g} and a loss of {facts.loss:.3g}: one step at rate 1 would "
        "replace the model",
        confidence=0.7 if facts.inputs <= LARGE_INPUTS else 0.2,
        evidence={
            "gradient": facts.gradient,
            "weights": weight_norm(facts),
            "loss": facts.loss,
            "inputs": facts.inputs,
        },
        prescription=cure(evidence.setup, facts),
        standing=facts.inputs <= LARGE_INPUTS,
    )


def cure(setup: Setup, facts: ModelFacts) -> Edit:
    """Initial weights of another scale where these tame the gradient, else clipping."""
    anew = math.sqrt(sum(tensor.redrawn**2 for tensor in facts.tensors))
    if anew < facts.gradient / 10 or not explosion(facts) < math.inf:
        return weights_anew(
            setup,
            "initial weights of the scale that keeps signals (Glorot)",
            'Draw initial weights by "glorot_uniform", or "he_normal" before ReLUs.',
        )
    return edits.local("each step's gradient clipped to norm 1", clip_norm=1.0)


CAUSE = Cause("FW212", "Gradients explode", suspect)
