"""FW706: a biased compressor has no error feedback.

Karimireddy, Rebjock, Stich and Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression
Schemes", ICML 2019, section 3: without it, biased compressors fail to converge on convex problems.
"""

from fedwhy.aggregators import Link, error_feedback
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy.fidelity import fidelity_of
from fedwhy.diagnosis.edits.aggregator import Piece, pieces_of, wrapped
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# The cosine of what arrives with what was trained, below which much is lost.
LOSES = 0.9


def suspect(evidence: Evidence) -> Suspicion | None:
    """What leaves something out, and the same in every round, without sending it later."""
    found = biased(evidence.setup)
    if found is None:
        return None
    fidelity = fidelity_of(evidence)
    if fidelity is not None and fidelity.each >= LOSES:
        return None
    measured = (
        f"; what arrives has a cosine of {fidelity.each:.2f} with what was sent" if fidelity else ""
    )
    return Suspicion(
        f"{found.name} leaves a part of every update out, and nothing sends it later{measured}",
        0.6 if fidelity else 0.3,
        fidelity._asdict() if fidelity else {},
        wrapped(f"error feedback around {found.name}", found.name, error_feedback),
        severity=Severity.warning if fidelity else Severity.note,
    )


def biased(setup: Setup) -> Piece | None:
    """A compressor with a bias, in no error feedback, that is summed as it is.

    A majority vote takes signs for votes, not for a small update.
    """
    there = pieces_of(setup)
    votes = "majority_vote" in setup.algorithm.aggregator.name
    for piece in there.values():
        compressor = piece.made.compressor if isinstance(piece.made, Link) else None
        coarse = compressor is not None and compressor.variance is None
        if (
            coarse
            and set(piece.within) <= {"attacked"}
            and "error_feedback" not in there
            and not votes
        ):
            return piece if piece.name not in ("half_precision", "quantize") else None
    return None


CAUSE = Cause("FW706", "A biased compressor has no error feedback", suspect)
