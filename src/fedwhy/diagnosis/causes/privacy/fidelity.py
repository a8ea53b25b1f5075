"""What compression leaves of the clients' real updates: a self-test of the compressor."""

import math
from typing import NamedTuple

import numpy as np

from fedwhy.diagnosis.causes.privacy.reach import DROWNED, reach
from fedwhy.diagnosis.evidence import Evidence


class Fidelity(NamedTuple):
    """At the initial model: cosines of what clients trained and of what arrived.

    `each` is the median of the clients', `mean` that of the means over clients, in which errors
    without a bias average out; `error` is the squared error of the mean over its square.
    """

    each: float
    mean: float
    error: float


def fidelity_of(evidence: Evidence) -> Fidelity | None:
    """What arrives of the updates of the first round; None before there are any."""
    if evidence.updates is None or not evidence.updates[0].mean_norm > 0:
        return None
    initial = evidence.updates[0]
    return Fidelity(float(np.median(initial.fidelity)), initial.mean_fidelity, initial.mean_error)


def lost_in(evidence: Evidence, fidelity: Fidelity) -> bool:
    """Whether errors without a bias, which are noise, go as far in the run as what is learned."""
    if evidence.updates is None:
        return False
    initial = evidence.updates[0]
    noise = math.sqrt(fidelity.error) * initial.mean_norm
    return reach(initial, initial.mean_norm, noise, evidence.setup.rounds) < DROWNED
