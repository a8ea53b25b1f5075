"""FW206: batch statistics of clients differ, and their average is that of nobody."""

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import by_the_batch, edited
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import front, grouped, without_normalisation
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Settings, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Model

# Networks with no more layers of it train without normalisation as well.
FEW = 4
# How many times as much as mixed batches those of clients must differ.
LEAST = 1.2


def suspect(evidence: Evidence) -> Suspicion | None:
    """Statistics of clients' batches that differ more than those of mixed batches do."""
    statistics, local = evidence.model.statistics, evidence.setup.local
    if statistics is None or not statistics.kept:
        return None
    if isinstance(local, LocalSGD) and local.state != "average":
        return None
    ratio = statistics.between / max(statistics.within, 1e-12)
    if ratio < LEAST:
        return None
    spreads = evidence.curve("state_spread")
    cures = group_normalised(evidence.setup), unnormalised(evidence.setup)
    # Group normalisation keeps the scale of what a layer gives, and so does drift towards the
    # classes of one client: what can do without is better off without it.
    first, second = reversed(cures) if 0 < normalisations(evidence) <= FEW else cures
    return Suspicion(
        "the model normalises by its batch, and the batches of one client differ from those of "
        f"another {ratio:.1f} times as much as mixed ones do: each trains by its own statistics, "
        "and all are evaluated by the mean of them",
        confidence=min(0.75, 0.2 + 0.1 * ratio),
        evidence={
            "between_clients": statistics.between,
            "between_mixed_batches": statistics.within,
            **({"state_spread": spreads[-1]} if spreads else {}),
        },
        prescription=first,
        severity=Severity.warning if ratio > 4 else Severity.note,
        standing=ratio > 3,
        others=(second,),
    )


def normalisations(evidence: Evidence) -> int:
    """How many layers of batch normalisation the model has, 0 where it does not tell."""
    description = evidence.model.description
    layers = description.layers if description else ()
    return sum("BatchNorm" in layer.kind for layer in layers)


def group_normalised(setup: Setup) -> Edit:
    """Statistics of one example each; for models that cannot be made anew, those of a batch."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        known = settings.get("model", {}).get("name") == "mobilenet"
        return (Change("model", "normalization", "group"),) if known else ()

    def change(model: Model) -> Model:
        known = front(model) in ("zoo", "keras", "flax")
        return grouped(model) if known else by_the_batch(model)

    return edited(
        "group normalisation in place of batch normalisation",
        change,
        advice(setup, r"BatchNorm|batch_norm", "Use group or layer normalisation instead."),
        changes,
    )


def unnormalised(setup: Setup) -> Edit:
    """The layers as they are, and no statistics at all; for models that can be made anew."""
    told = "Leave batch normalisation out: a network of few layers trains without."
    return edited(
        "no batch normalisation",
        without_normalisation,
        advice(setup, r"BatchNorm|batch_norm", told),
    )


CAUSE = Cause("FW206", "Batch statistics of different clients are averaged", suspect)
