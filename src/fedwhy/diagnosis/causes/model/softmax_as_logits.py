"""FW201: the outputs are probabilities, and the loss takes them for logits."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import mismatched
from fedwhy.diagnosis.edits.model import edited, linked
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Settings, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Probabilities (by the layers, or non-negative with sum one) meet a loss of logits."""
    facts, link = evidence.model, mismatched(evidence.model)
    if link not in ("log", "logit") or facts.outputs is None or facts.taken is None:
        return None
    code = advice(
        evidence.setup,
        r"softmax|Softmax|sigmoid|from_logits",
        f"Leave the {facts.outputs.activation} out, or give the loss from_logits=False.",
    )
    return Suspicion(
        f"the outputs are probabilities (they pass a {facts.outputs.activation} and lie from "
        f"{facts.outputs.least:.2f} to {facts.outputs.most:.2f}), and the loss takes them for "
        "logits, so it passes them through another one: it can hardly fall",
        confidence=0.95,
        evidence={
            "activation": facts.outputs.activation,
            "loss_takes": facts.taken.scale,
            "least": facts.outputs.least,
            "most": facts.outputs.most,
        },
        prescription=edited(
            "the loss computed of probabilities",
            lambda model: linked(model, link, scores=link == "logit"),
            code,
            told_probabilities,
        ),
    )


def told_probabilities(settings: Settings) -> tuple[Change, ...]:
    """The key that says so of a Keras model."""
    keras = "keras" in settings.get("model", {})
    return (Change("model", "from_logits", False),) if keras else ()


CAUSE = Cause("FW201", "The loss takes probabilities for logits", suspect)
