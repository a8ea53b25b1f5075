"""The shapes of curves over rounds, which suspicions go by."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fedwhy.diagnosis.evidence import Evidence

# A curve that is shorter has no shape.
LEAST = 4


def fall(curve: Sequence[float]) -> float:
    """By which share of its first value a curve has fallen, from the mean of its last third."""
    return 1 - mean_of_the_last(curve) / curve[0] if len(curve) > 1 and curve[0] else 0.0


def mean_of_the_last(curve: Sequence[float]) -> float:
    """The mean of the last third of a curve, which has at least one value."""
    return float(np.mean(curve[-max(1, len(curve) // 3) :]))


def swings(curve: Sequence[float], share: float = 0.1) -> float:
    """In which share of its steps a curve rises by more than `share` of its value."""
    steps = list(pairwise(curve))
    return sum(b > (1 + share) * a for a, b in steps) / len(steps) if steps else 0.0


def pace(curve: Sequence[float]) -> float:
    """How steep the last half of a falling curve is, relative to the first; 0 if it is too short.

    A curve that has settled is near 0, a straight line has 1.
    """
    if len(curve) < LEAST:
        return 0.0
    middle = len(curve) // 2
    first, last = (curve[0] - curve[middle]) / middle, curve[middle] - curve[-1]
    return last / (len(curve) - 1 - middle) / first if first > 0 else 0.0


def relative(evidence: Evidence, name: str, other: str) -> float | None:
    """The median over rounds of one number of a record relative to another, where both are."""
    both = [
        record[name] / record[other]
        for record in evidence.history or ()
        if record.get(name) is not None and record.get(other)
    ]
    return float(np.median(both)) if both else None


def losses(evidence: Evidence) -> list[float]:
    """The loss that says best how the global model does: on test data, else while training."""
    for source in ("test", "clients", "train"):
        curve = evidence.curve(f"{source}_loss")
        if len(curve) > 1:
            return curve
    return []


def diverged(evidence: Evidence) -> bool:
    """Whether numbers of the run were not finite, or updates were refused since they were not."""
    named = [evidence.curve(name) for name in ("train_loss", "test_loss", "aggregate_norm")]
    refused = [
        reason
        for record in evidence.history or ()
        for reason in record.get("refused_clients", {}).values()
    ]
    return not np.isfinite([x for curve in named for x in curve]).all() or any(
        "finite" in reason for reason in refused
    )
