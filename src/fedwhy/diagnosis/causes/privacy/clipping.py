"""What a setup's aggregator clips updates to, and how long they are."""

from typing import NamedTuple

import numpy as np

from fedwhy.diagnosis.edits.aggregator import pieces_of
from fedwhy.diagnosis.evidence import Evidence


class Clipping(NamedTuple):
    """A fixed clipping norm against the clients' updates.

    `name` is the piece's, `key` its argument; `norm` is what it clips to; `medians` are the median
    norms before it, at the initial and at the trained model; `noisy` says whether noise is in
    proportion to the norm.
    """

    name: str
    key: str
    norm: float
    medians: tuple[float, ...]
    noisy: bool


# The pieces that clip, and by which of their arguments.
CLIPPING = {"clip": "norm", "private_mean": "clip", "local_noise": "clip"}


def clipping_of(evidence: Evidence) -> Clipping | None:
    """The clipping of the setup; None without one, where it adapts, and before there are updates.

    Updates that are not finite, as of a run that has diverged, are left out.
    """
    there = pieces_of(evidence.setup)
    name = next((name for name in CLIPPING if name in there), None)
    if name is None or evidence.updates is None:
        return None
    norm = there[name].arguments[CLIPPING[name]]
    if not isinstance(norm, int | float):
        return None
    norms = [u.trained_norm[np.isfinite(u.trained_norm)] for u in evidence.updates]
    medians = tuple(float(np.median(each)) for each in norms if len(each))
    if not medians or not min(medians) > 0:
        return None
    return Clipping(name, CLIPPING[name], float(norm), medians, name != "clip")
