"""FW204: an activation at the output holds predictions in bounds that the targets do not have."""

import math

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, linked
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import with_logits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.model import ModelFacts
from fedwhy.diagnosis.finding import Suspicion

BOUNDS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf)}
INVERSE = {"sigmoid": "logit", "tanh": "arctanh"}


def suspect(evidence: Evidence) -> Suspicion | None:
    """A sigmoid, tanh or relu before a loss of logits, or before targets that it cannot reach."""
    facts = evidence.model
    if facts.outputs is None or facts.outputs.activation not in BOUNDS:
        return None
    activation, count = facts.outputs.activation, facts.outputs.count
    least, most = BOUNDS[activation]
    outside = unreachable(facts, least, most)
    if facts.taken is None and (outside <= 0.01 or evidence.setup.model.classes_from_output):
        return None
    if facts.taken is not None and (
        facts.taken.scale != "logits" or (facts.taken.binary and activation == "sigmoid")
    ):
        return None
    if facts.taken is None:
        inverse = None
        why = (
            f"the model ends in a {activation}, so its outputs stay from {least:g} to {most:g}, "
            f"and {outside:.0%} of the targets lie outside"
        )
    else:
        inverse = INVERSE.get(activation)
        why = f"the model ends in a {activation}, and the loss takes its outputs for logits: " + (
            f"between {least:g} and {most:g} no prediction can be sure, and the loss cannot fall "
            f"below {floor(facts.taken.binary, count, most - least):.2f}"
            if inverse
            else "a class whose logit is negative gets no gradient"
        )
    return Suspicion(
        why,
        confidence=0.9 if facts.taken is None or inverse else 0.7,
        evidence={"activation": activation, "outside": outside, "outputs": count},
        prescription=edited(
            f"outputs without the {activation}",
            lambda model: linked(model, inverse) if inverse else with_logits(model, count),
            advice(evidence.setup, activation, f"Leave the last {activation} out."),
        ),
    )


def unreachable(facts: ModelFacts, least: float, most: float) -> float:
    """The share of the targets that lie outside of these bounds."""
    if facts.labels is None or facts.labels.dtype.kind not in "fiu":
        return 0.0
    return float(np.mean((facts.labels < least) | (facts.labels > most)))


def floor(binary: bool, outputs: int, range: float) -> float:
    """The least crossentropy of logits that differ by `range` at most."""
    return math.log1p(math.exp(-range / 2 if binary else -range) * (1 if binary else outputs - 1))


CAUSE = Cause("FW204", "The output's activation keeps predictions from their targets", suspect)
