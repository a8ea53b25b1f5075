"""FW309: an adaptive optimizer at the clients begins anew in every round."""

import optax

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm, replaceable
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Settings, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# Second moments of Adam (beta2 = 0.999) have hardly seen anything in fewer steps.
FEW, LONG = 10, 100
# In so few they are all but the sign of the gradient.
SIGNS = 3
# These keep the optimizer's statistics at the server.
MIMIC = ("mime", "mimelite")
# The rate of SGD that fits most models when clients have no better one.
RATE = 0.1
# The server's rate: the best of FedAdam lies between 10^-2 and 10^-1 nearly everywhere (Reddi et
# al. 2021, figure 2).
SERVER_RATE = 0.03


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying the optimizer on gradients of several sizes, and by counting local steps."""
    local = evidence.local
    if local is None or not local.adaptive or evidence.setup.algorithm.name in MIMIC:
        return None
    if not local.rate > 0 or local.typical_steps > LONG:  # It looks at the loss, or has the time.
        return None
    steps, (first, *others) = local.typical_steps, remedies(evidence.setup)
    return Suspicion(
        "the clients' optimizer is adaptive and forgets its statistics after every round, of "
        f"{local.typical_steps} step{'s' * (local.typical_steps > 1)}: its first steps move every "
        f"parameter by {local.rate:.2g}, however small the gradient",
        0.6 if steps <= SIGNS else 0.45 if steps <= FEW else 0.25,
        {"steps": local.typical_steps, "step": local.rate},
        first,
        severity=Severity.note,
        others=tuple(others),
    )


def remedies(setup: Setup) -> list[Edit]:
    """Adaptivity at the server, where statistics stay, where that can be; else plain SGD."""
    plain = edits.optimizer(
        "SGD at the clients", optax.sgd(RATE), optimizer="sgd", learning_rate=RATE
    )
    return [adaptive_server(plain), plain] if replaceable(setup) else [plain]


def adaptive_server(plain: Edit) -> Edit:
    """SGD at the clients, and Adam at the server, which keeps its statistics over all rounds."""
    server = algorithm("fedadam", learning_rate=SERVER_RATE)

    def changes(settings: Settings) -> tuple[Change, ...]:
        moved = (
            c._replace(table="server") if c.key == "learning_rate" else c
            for c in server.changes(settings)
        )
        return (*plain.changes(settings), *moved)

    return Edit(
        "SGD at the clients and Adam at the server (fedadam)",
        lambda setup: server.apply(plain.apply(setup)),
        changes,
    )


CAUSE = Cause("FW309", "An adaptive client optimizer is restarted every round", suspect)
