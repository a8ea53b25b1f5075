"""FW206: batch statistics of clients differ, and their average is that of nobody."""

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import by_the_batch, edited
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import grouped
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Settings, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Model


def suspect(evidence: Evidence) -> Suspicion | None:
    """Statistics of clients' batches that differ more than those of mixed batches do."""
    statistics, local = evidence.model.statistics, evidence.setup.local
    if statistics is None or not statistics.kept:
        return None
    if isinstance(local, LocalSGD) and local.state != "average":
        return None
    ratio = statistics.between / max(statistics.within, 1e-12)
    if ratio < 1.5:
        return None
    spreads = evidence.curve("state_spread")
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
        prescription=group_normalised(evidence.setup),
        severity=Severity.warning if ratio > 4 else Severity.note,
        standing=ratio > 3,
    )


def group_normalised(setup: Setup) -> Edit:
    """Statistics of one example each; for models that cannot be made anew, those of a batch."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        known = settings.get("model", {}).get("name") == "mobilenet"
        return (Change("model", "normalization", "group"),) if known else ()

    def change(model: Model) -> Model:
        front = model.recipe.front if model.recipe else None
        return grouped(model) if front in ("zoo", "keras", "flax") else by_the_batch(model)

    return edited(
        "group normalisation in place of batch normalisation",
        change,
        advice(setup, r"BatchNorm|batch_norm", "Use group or layer normalisation instead."),
        changes,
    )


CAUSE = Cause("FW206", "Batch statistics of different clients are averaged", suspect)
