"""FW208: the model is too small for its task, wherever it is trained."""

from statistics import fmean

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.sizes import larger
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.model import ModelFacts
from fedwhy.diagnosis.finding import Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """A layer narrower than the classes need, or training that levels off far from its goal."""
    facts = evidence.model
    if facts.outputs is None or facts.taken is None or facts.taken.binary:
        return None
    width, classes = narrowest(facts), facts.outputs.count
    if width is not None and width < classes / 2:
        return Suspicion(
            f"all that the model knows of an input passes a layer of {width} units, and there are "
            f"{classes} classes to tell apart",
            confidence=0.6,
            evidence={"width": width, "classes": classes, "parameters": facts.parameters},
            prescription=larger(evidence.setup, facts),
            standing=width <= classes / 4,
        )
    training, test = evidence.curve("train_accuracy"), evidence.curve("test_accuracy")
    if len(training) < 8:
        return None
    quarter = len(training) // 4
    now, before = fmean(training[-quarter:]), fmean(training[-2 * quarter : -quarter])
    gap = now - fmean(test[-quarter:]) if test else 0.0
    if now > 0.9 or now - before > 0.01 or gap > 0.05 or now < above_chance(evidence):
        return None
    return Suspicion(
        f"training accuracy has levelled off at {now:.0%}, on clients' own examples",
        confidence=0.25,
        evidence={"train_accuracy": now, "before": before, "parameters": facts.parameters},
        prescription=larger(evidence.setup, facts),
        standing=False,
    )


def above_chance(evidence: Evidence) -> float:
    """The accuracy from which on a model has learned something: a quarter of the way to 1.

    A model that is no better than its commonest class has not filled its capacity.
    """
    counts = evidence.data.labels.counts.sum(axis=0)
    commonest = counts.max(initial=0) / max(counts.sum(), 1)
    return float(commonest + (1 - commonest) / 4)


def narrowest(facts: ModelFacts) -> int | None:
    """Units of the narrowest dense layer but the last; None where there is no other.

    What a convolution or an embedding makes it makes at many places.
    """
    dense = [k for k in facts.kernels if len(k.shape) == 2 and "embed" not in k.path.lower()]
    widths = [kernel.shape[-1] for kernel in dense]
    outputs = facts.outputs.count if facts.outputs else 0
    if outputs in widths:
        widths.remove(outputs)
    return min(widths, default=None)


CAUSE = Cause("FW208", "The model is too small for its task", suspect)
