"""FW309: an adaptive optimizer at the clients begins anew in every round."""

import optax

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

# Second moments of Adam (beta2 = 0.999) have hardly seen anything in fewer steps.
FEW, LONG = 10, 100
# These keep the optimizer's statistics at the server.
MIMIC = ("mime", "mimelite")
# The rate of SGD that fits most models when clients have no better one.
RATE = 0.1


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying the optimizer on gradients of several sizes, and by counting local steps."""
    local = evidence.local
    if local is None or not local.adaptive or evidence.setup.algorithm.name in MIMIC:
        return None
    if not local.rate > 0 or local.typical_steps > LONG:  # It looks at the loss, or has the time.
        return None
    few = local.typical_steps <= FEW
    return Suspicion(
        "the clients' optimizer is adaptive and forgets its statistics after every round, of "
        f"{local.typical_steps} step{'s' * (local.typical_steps > 1)}: its first steps move every "
        f"parameter by {local.rate:.2g}, however small the gradient",
        0.45 if few else 0.25,
        {"steps": local.typical_steps, "step": local.rate},
        edits.optimizer("SGD at the clients", optax.sgd(RATE), optimizer="sgd", learning_rate=RATE),
        severity=Severity.note,
    )


CAUSE = Cause("FW309", "An adaptive client optimizer is restarted every round", suspect)
