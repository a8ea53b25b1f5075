"""FW215: weights that training does not change."""

import math

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model.judging import silent
from fedwhy.diagnosis.edits.model import edited
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.edits.rebuilding import unfrozen
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.federated import paths

# Where more of the weights than this stay as they began, it is what the model can learn at most.
MOST = 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """Weights cut off from the loss, frozen in the model, or left out of `LocalSGD.trainable`."""
    return cut_off(evidence) or frozen_layers(evidence) or left_out(evidence)


def cut_off(evidence: Evidence) -> Suspicion | None:
    """Kernels whose gradient is exactly zero, also at other weights."""
    facts, unreached = evidence.model, silent(evidence.model)
    if not unreached:
        return None
    size = sum(math.prod(k.shape) for k in facts.kernels if k.path in unreached)
    code = advice(
        evidence.setup,
        r"stop_gradient",
        f"Let gradients reach {', '.join(unreached[:3])}: the output does not depend on it, or "
        "stop_gradient (or a rounding, or an argmax) is in between.",
    )
    return Suspicion(
        f"no gradient reaches {', '.join(unreached[:3])}"
        f"{' and others' if len(unreached) > 3 else ''} ({size} of {facts.parameters} "
        "parameters), at no weights: nothing changes them",
        confidence=0.9,
        evidence={"tensors": list(unreached), "parameters": size},
        prescription=Edit("gradients that reach all weights", edits.without_change, code=code),
    )


def frozen_layers(evidence: Evidence) -> Suspicion | None:
    """Weights that the front end calls not trainable."""
    facts = evidence.model
    if not facts.untrained:
        return None
    share = facts.untrained / (facts.untrained + facts.parameters)
    return Suspicion(
        f"{share:.0%} of the weights are frozen in the model: only {facts.parameters} parameters "
        "are trained",
        confidence=0.7 if share > MOST else 0.3,
        evidence={"frozen": facts.untrained, "trained": facts.parameters},
        prescription=edited(
            "all layers trained",
            unfrozen,
            advice(evidence.setup, r"trainable", "Set trainable = True."),
        ),
        severity=Severity.warning if share > MOST else Severity.note,
    )


def left_out(evidence: Evidence) -> Suspicion | None:
    """Parameters that `LocalSGD(trainable=...)` does not take."""
    setup, facts = evidence.setup, evidence.model
    chosen = getattr(setup.local, "trainable", paths.ALL)
    if chosen == paths.ALL or not facts.tensors:
        return None
    takes = paths.chooses(chosen)
    trained = sum(math.prod(t.shape) for t in facts.tensors if takes(t.path))
    if trained == facts.parameters:
        return None
    left = 1 - trained / facts.parameters
    return Suspicion(
        f"LocalSGD(trainable=...) leaves {left:.0%} of the parameters as they began",
        confidence=0.7 if left > MOST else 0.4,
        evidence={"trained": trained, "parameters": facts.parameters},
        prescription=edits.local("all parameters trained", trainable=paths.ALL)._replace(
            changes=lambda settings: (), code="Leave trainable=... out of LocalSGD."
        ),
        severity=Severity.warning if left > MOST else Severity.note,
    )


CAUSE = Cause("FW215", "Some weights are never trained", suspect)
