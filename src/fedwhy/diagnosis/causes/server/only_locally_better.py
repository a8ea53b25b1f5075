"""FW413: clients' models improve in every round, and the global one does not."""

import numpy as np

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Edit, Suspicion
from fedwhy.diagnosis.setup import Setup

# A client that loses this share of its loss in a round learns; a global model that loses less
# than the other in the whole run does not.
LEARNS, STAYS = 0.3, 0.1


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the loss of clients before and after their training, beside that of the global model."""
    loss = curves.losses(evidence)
    if len(loss) < curves.LEAST or curves.fall(loss) > STAYS:
        return None
    after = curves.relative(evidence, "local_loss_last", "local_loss_first")
    if after is None and evidence.updates is not None:
        trained = evidence.updates[1]
        before = float(np.mean(trained.before))
        after = float(np.mean(trained.after)) / before if before else None
    if after is None or after > 1 - LEARNS:
        return None
    probe = remedy(evidence.setup)
    return Suspicion(
        f"in a round clients bring their own loss down to {after:.0%} of what it was, and the "
        f"global loss goes from {loss[0]:.3g} to {loss[-1]:.3g} in the whole run",
        0.4,
        {"local_loss_ratio": after, "global_loss": [loss[0], loss[-1]]},
        probe,
        standing=probe is None,
    )


def remedy(setup: Setup) -> Edit | None:
    """The plain mean where there is another aggregator; else control variates against drift."""
    if setup.algorithm.recipe is not None and "algorithm" in setup.algorithm.recipe.arguments:
        plain = edits.plain_mean()
        if plain.apply(setup).algorithm.aggregator.name != setup.algorithm.aggregator.name:
            return plain
    local = setup.local
    if not isinstance(local, LocalSGD) or local.personal or local.private or local.remedy:
        return None
    if setup.algorithm.name == "scaffold":
        return None
    return algorithm("scaffold")


CAUSE = Cause("FW413", "Local models improve while the global one does not", suspect)
