"""FW202: the outputs are logits, and the loss takes them for probabilities."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import mismatched
from fedwhy.diagnosis.edits.model import edited, linked
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Settings, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Outputs that are no probabilities meet a loss that takes their logarithm, or their value."""
    facts, link = evidence.model, mismatched(evidence.model)
    outputs, taken = facts.outputs, facts.taken
    if link not in ("softmax", "sigmoid", "log_softmax") or outputs is None or taken is None:
        return None
    takes = taken.scale.replace("_", " ")
    code = advice(
        evidence.setup,
        r"from_logits|loss=|CategoricalCrossentropy|BinaryCrossentropy|log\(",
        f"Give the loss from_logits=True, or end the model in a {link}.",
    )
    return Suspicion(
        f"the outputs are any numbers, from {outputs.least:.2f} to {outputs.most:.2f}, and the "
        f"loss takes them for {takes}: negative ones are cut off, and teach nothing"
        if taken.scale == "probabilities"
        else f"the outputs are any numbers, from {outputs.least:.2f} to {outputs.most:.2f}, and "
        f"the loss takes them for {takes}: it falls without bound as they grow",
        confidence=0.95,
        evidence={
            "activation": outputs.activation,
            "loss_takes": taken.scale,
            "least": outputs.least,
            "most": outputs.most,
        },
        prescription=edited(
            f"the outputs passed through a {link} before the loss",
            lambda model: linked(model, link, scores=link == "sigmoid"),
            code,
            told_logits,
        ),
    )


def told_logits(settings: Settings) -> tuple[Change, ...]:
    """The key that says so of a Keras model."""
    keras = "keras" in settings.get("model", {})
    return (Change("model", "from_logits", True),) if keras else ()


CAUSE = Cause("FW202", "The loss takes logits for probabilities", suspect)
