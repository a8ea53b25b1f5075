"""FW217: dropout that hides most of what the model knows from its training."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.model import edited, without_noise
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import without_dropout
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Settings, Suspicion
from fedwhy.models import Model

LOUD = 4.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """Outputs of training differ by chance alone more than by what they say."""
    facts = evidence.model
    if not facts.noise > LOUD:
        return None
    kept = 1 / (1 + facts.noise)

    def change(model: Model) -> Model:
        return without_noise(model) if facts.statistics is None else without_dropout(model)

    def changes(settings: Settings) -> tuple[Change, ...]:
        return (Change("model", "dropout", 0.0),) if "dropout" in settings.get("model", {}) else ()

    return Suspicion(
        f"two passes over the same examples differ, by what dropout leaves out, {facts.noise:.1f} "
        f"times as much as the outputs' own size: it is as if {kept:.0%} of the units were kept",
        confidence=0.8 if facts.noise > 3 * LOUD else 0.5,
        evidence={"noise": facts.noise, "kept": kept},
        prescription=edited(
            "no dropout",
            change,
            advice(evidence.setup, r"[Dd]ropout", "Take dropout out, or drop less (0.5 or fewer)."),
            changes,
        ),
        standing=facts.noise > 2 * LOUD,
    )


CAUSE = Cause("FW217", "Dropout leaves too little", suspect)
