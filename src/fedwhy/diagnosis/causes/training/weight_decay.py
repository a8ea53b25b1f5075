"""FW311: weights decay at the clients, against what was averaged."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

# The share of themselves that weights may lose in a round.
LITTLE, MUCH = 0.01, 0.05


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying the optimizer on weights without a gradient, for as many steps as in a round."""
    local = evidence.local
    if local is None or not local.decay > 0:
        return None
    lost = 1 - max(0.0, 1 - local.decay) ** local.typical_steps
    if lost < LITTLE:
        return None
    return Suspicion(
        f"every round takes {lost:.1%} off all weights, in {local.typical_steps} local steps "
        f"that each take {local.decay:.2g}",
        0.7 if lost > 4 * MUCH else 0.5 if lost > MUCH else 0.25,
        {"decay": local.decay, "steps": local.typical_steps, "lost_a_round": lost},
        edits.without_decay(),
        severity=Severity.warning if lost > MUCH else Severity.note,
    )


CAUSE = Cause("FW311", "Weight decay at the clients works against averaging", suspect)
