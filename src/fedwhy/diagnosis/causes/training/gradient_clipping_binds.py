"""FW305: clipping takes most of the length of the gradients."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Severity, Suspicion

# Clipping that touches more steps than this, and shortens them so much, is more than a guard.
OFTEN, SHORTER = 0.5, 3.0
# Gradients are rarely as small as this before a model has converged.
TINY = 0.1


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the share of clipped steps, by updates of full clipped length, or by a tiny bound."""
    local, work = evidence.local, evidence.setup.local
    if local is None or (work.clip_norm is None and work.clip_tensor is None):
        return None
    bound = min(value for value in (work.clip_norm, work.clip_tensor) if value is not None)
    shares, norms = evidence.curve("clipped_steps"), evidence.curve("gradient_norm")
    facts = {"bound": bound}
    if shares:
        share, norm = float(np.mean(shares)), float(np.median(norms)) if norms else np.nan
        if share < OFTEN:
            return None
        hard = norm > SHORTER * bound
        return suspicion(
            f"{share:.0%} of the local steps are clipped to a norm of {bound:g}, and gradients "
            f"have {norm:.2g} before",
            0.7 if hard else 0.4,
            facts | {"clipped_steps": share, "gradient_norm": norm},
            hard,
        )
    if work.clip_norm is None:
        return None
    reached = full_length(evidence, work.clip_norm)
    if reached is not None and reached > 0.5:
        why = f"updates are {reached:.0%} as long as steps all clipped to {bound:g} could make them"
        return suspicion(why, 0.5, facts | {"reached": reached}, True)
    if bound < TINY and (evidence.history is None or reached is None):
        return suspicion(f"gradients are clipped to a norm of {bound:g}", 0.4, facts, False)
    return None


def suspicion(why: str, confidence: float, facts: dict, hard: bool) -> Suspicion:
    """The suspicion with these facts; `hard` where it surely costs speed."""
    severity = Severity.warning if hard else Severity.note
    return Suspicion(why, confidence, facts, edits.unclipped(), severity=severity, standing=hard)


def full_length(evidence: Evidence, bound: float) -> float | None:
    """How long updates are, relative to the sum of a client's clipped steps; None if unknown."""
    local, norms = evidence.local, evidence.curve("update_norm_mean")
    if local is None or not local.known or not norms:
        return None
    longest = bound * local.rate * max(local.momentum, 1.0) * local.typical_steps
    return float(np.median(norms[: curves.LEAST])) / longest


CAUSE = Cause("FW305", "Gradient clipping binds in most local steps", suspect)
