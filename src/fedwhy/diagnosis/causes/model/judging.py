"""What several causes ask of `ModelFacts`, so that only one of them answers to a fault."""

from __future__ import annotations

from fedwhy.diagnosis.facts.model import ModelFacts

# Inputs beyond this are what is wrong, not what the model makes of them.
LARGE_INPUTS = 10.0


def mismatched(facts: ModelFacts) -> str | None:
    """The function that makes of the outputs what the loss takes them for; None if they are."""
    if facts.outputs is None or facts.taken is None:
        return None
    (scale, binary, _), activation = facts.taken, facts.outputs.activation
    if scale == "logits" and activation == "softmax":
        return "logit" if binary else "log"
    if scale == "logits" and binary and activation == "sigmoid":
        return "logit"
    if scale == "probabilities" and activation not in ("softmax", "sigmoid"):
        return "sigmoid" if binary else "softmax"
    if scale == "log_probabilities" and activation != "log_softmax":
        return "log_softmax"
    return None


def weight_norm(facts: ModelFacts) -> float:
    """Norm of all parameters."""
    return sum(tensor.weight**2 for tensor in facts.tensors) ** 0.5


def explosion(facts: ModelFacts) -> float:
    """The gradient's norm relative to the weights', for inputs and errors of size one.

    From 1 on, a step at rate 1 would replace the model. Only crossentropies have a slope of their
    own; that of a squared error grows with the error.
    """
    slope = 1.0 if facts.taken else max(2 * facts.loss, 1.0)
    return facts.gradient / max(facts.inputs, 1.0) / slope / max(weight_norm(facts), 1.0)


def explodes(facts: ModelFacts) -> bool:
    """Whether gradients are too large, or no numbers, at the initial weights."""
    return bool(facts.tensors) and not explosion(facts) < 1


def symmetric(facts: ModelFacts) -> bool:
    """Whether the units of a layer are all alike, and gradients keep them so."""
    return any(tensor.alike for tensor in facts.kernels)


def silent(facts: ModelFacts) -> tuple[str, ...]:
    """Paths of kernels that no gradient reaches, neither now nor at weights drawn anew."""
    if not any(tensor.redrawn > 0 for tensor in facts.kernels):
        return ()
    return tuple(k.path for k in facts.kernels if k.gradient == 0 and k.redrawn == 0)
