"""FW702: the clipping norm is far above what clients send, and noise goes by it."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy.clipping import clipping_of
from fedwhy.diagnosis.edits import rounded
from fedwhy.diagnosis.edits.aggregator import piece
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# How many times the median update the clipping norm is: too much, and far too much.
WIDE, FAR_TOO_WIDE = 3.0, 10.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """A clipping norm of several times the first median norm, where noise goes by it."""
    clipping = clipping_of(evidence)
    if clipping is None or not clipping.noisy:
        return None
    # Noise that drowns a model makes its clients send more: what they send first counts.
    median = clipping.medians[0]
    times = clipping.norm / median
    if times <= WIDE:
        return None
    norm = rounded(median)
    return Suspicion(
        f"Updates have a median norm of {median:.3g}, and {clipping.name} clips to "
        f"{clipping.norm:.3g}: the noise, which goes by the latter, is {times:.3g} times as strong "
        "as the same guarantee needs",
        0.9 if times > FAR_TOO_WIDE else 0.75,
        {"clip_norm": clipping.norm, "median_norms": list(clipping.medians)},
        piece(
            f"updates clipped to {norm:g}, their median norm", clipping.name, **{clipping.key: norm}
        ),
    )


CAUSE = Cause("FW702", "The clipping norm is far above what clients send", suspect)
