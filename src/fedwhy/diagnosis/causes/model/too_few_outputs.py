"""FW203: the model has not as many outputs as the data have classes."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, read_out
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import of_zoo
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Settings, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Model


def suspect(evidence: Evidence) -> Suspicion | None:
    """Fewer outputs than different labels, or another number than `classes` says."""
    facts, setup = evidence.model, evidence.setup
    outputs, model = facts.outputs, setup.model
    scores = model.classes_from_output or (facts.taken is not None and not facts.taken.binary)
    if outputs is None or not scores or setup.clients.y.dtype.kind not in "iu":
        return None
    if facts.labels is not None and facts.labels.dtype.kind == "f" and facts.labels.ndim > 1:
        return None  # One-hot by a preparation, which has its own number of classes.
    labels = np.unique(setup.clients.y)
    different = len(labels[labels != model.ignored_class])
    classes = setup.clients.classes or different
    few = outputs.count < max(different, classes)
    if not few and not (
        model.classes_from_output and setup.clients.classes not in (None, outputs.count)
    ):
        return None
    return Suspicion(
        f"the model has {outputs.count} outputs for {classes} classes"
        + (": those without an output can never be predicted" if few else ""),
        confidence=0.95,
        evidence={"outputs": outputs.count, "classes": classes, "labels": different},
        prescription=with_outputs(setup, classes),
        severity=Severity.error,
    )


def with_outputs(setup: Setup, classes: int) -> Edit:
    """A model of the zoo with so many classes; another model with a new last layer."""

    def change(model: Model) -> Model:
        recipe = model.recipe
        if recipe is not None and recipe.front == "zoo":
            return of_zoo(model, **(recipe.arguments | {"classes": classes}))
        return read_out(model, classes)

    def changes(settings: Settings) -> tuple[Change, ...]:
        table = settings.get("model", {})
        return (Change("model", "classes", classes),) if "classes" in table else ()

    what = f"a last layer of {classes} outputs"
    return edited(
        what, change, advice(setup, r"Dense\(|Linear\(", f"Give the model {what}."), changes
    )


CAUSE = Cause("FW203", "The model has not as many outputs as there are classes", suspect)
