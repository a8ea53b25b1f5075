"""FW210: units that are zero for every example, and so never learn."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import explodes, silent, symmetric
from fedwhy.diagnosis.edits.model import weights_anew
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

MANY = 0.7


def suspect(evidence: Evidence) -> Suspicion | None:
    """Most units of a layer have a gradient of exactly zero on a whole batch."""
    facts = evidence.model
    unreached = silent(facts)
    hidden = [k for k in facts.kernels if k.shape[-1] > 1 and k.path not in unreached]
    worst = max(hidden, key=lambda k: k.dead, default=None)
    if worst is None or worst.dead < MANY or symmetric(facts) or explodes(facts):
        return None
    if worst.redrawn == 0:
        return None
    return Suspicion(
        f"{worst.dead:.0%} of the units of {worst.path} give no gradient on any example of a "
        "batch: as ReLUs whose input is always negative, they can never learn",
        confidence=0.8,
        evidence={
            "dead": {k.path: k.dead for k in hidden if k.dead >= MANY},
            "gradient": facts.gradient,
        },
        prescription=weights_anew(
            evidence.setup,
            "initial weights drawn anew, with biases of zero",
            'Draw initial weights by "he_normal" and begin biases at zero.',
            r"initializer|init\w*=|bias",
        ),
    )


CAUSE = Cause("FW210", "Most units of a layer are dead", suspect)
