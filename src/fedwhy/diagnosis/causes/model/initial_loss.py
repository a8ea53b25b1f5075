"""FW213: the untrained model is sure of itself, and wrong."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import explodes, mismatched, symmetric
from fedwhy.diagnosis.edits.model import weights_anew
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """The initial loss is twice that of guessing, and would not be with weights drawn anew."""
    facts = evidence.model
    if facts.taken is None or mismatched(facts) or explodes(facts) or symmetric(facts):
        return None
    chance = facts.taken.chance
    if not facts.loss > 2 * chance or not facts.redrawn_loss < facts.loss / 1.5:
        return None
    return Suspicion(
        f"the loss begins at {facts.loss:.2f}, where guessing has {chance:.2f}: the untrained "
        "model is sure of what it cannot know, and first has to unlearn it",
        confidence=0.6 if facts.loss > 3 * chance else 0.4,
        evidence={"loss": facts.loss, "chance": chance, "drawn_anew": facts.redrawn_loss},
        prescription=weights_anew(
            evidence.setup,
            "initial weights drawn anew (Glorot)",
            'Draw initial weights by "glorot_uniform", those of the last layer above all.',
        ),
    )


CAUSE = Cause("FW213", "The loss begins far above that of guessing", suspect)
