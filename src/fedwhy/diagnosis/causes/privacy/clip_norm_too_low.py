"""FW701: the clipping norm cuts every update to a fraction.

Andrew, Thakkar, McMahan and Ramaswamy, "Differentially Private Learning with Adaptive Clipping",
NeurIPS 2021, take the median of the clients' norms for it.
"""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy.clipping import clipping_of
from fedwhy.diagnosis.edits import rounded
from fedwhy.diagnosis.edits.aggregator import piece
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# How many times the clipping norm the median update is: too much, and far too much.
CUT, CUT_HARD = 3.0, 10.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """Median norms several times the clipping norm, at the initial and at the trained model."""
    clipping = clipping_of(evidence)
    if clipping is None or min(clipping.medians) <= CUT * clipping.norm:
        return None
    times = min(clipping.medians) / clipping.norm
    norm = rounded(max(clipping.medians))
    return Suspicion(
        f"The median update has the norm {min(clipping.medians):.3g}, and {clipping.name} cuts it "
        f"to {clipping.norm:.3g}: a round moves the model {times:.3g} times less than it could",
        0.8 if times > CUT_HARD else 0.6,
        {"clip_norm": clipping.norm, "median_norms": list(clipping.medians)},
        piece(
            f"updates clipped to {norm:g}, their median norm", clipping.name, **{clipping.key: norm}
        ),
    )


CAUSE = Cause("FW701", "The clipping norm cuts every update to a fraction", suspect)
