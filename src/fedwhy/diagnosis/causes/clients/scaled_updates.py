"""FW604: some clients send updates far longer than all others'."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import (
    OUTLYING,
    consistently,
    deviation,
    rows_of,
)
from fedwhy.diagnosis.causes.clients.sign_flipping import TURNED, leads_up
from fedwhy.diagnosis.edits.clients import named, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Suspicion
from fedwhy.diagnosis.setup import Setup

# Times the median from which an update is too long.
LONG = 5.0
# The most that links make longer what was trained.
AS_TRAINED = 1.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """Norms of five times the median and more, which the number of local steps does not explain."""
    steps = steps_of(evidence.setup)
    found = consistently(evidence, lambda updates: suspicious(updates, steps))
    if not found or evidence.updates is None:
        return None
    updates = evidence.updates[0]
    rows = rows_of(updates, found)
    median = float(np.median(updates.norm[updates.norm > 0]))
    names = [name for _, name in found]
    factor = grown(updates)[rows]
    after_training = bool((factor > LONG / 2).all())
    times = updates.norm[rows] / median
    share = np.sum(updates.weight[rows] * times) / np.sum(updates.weight * updates.norm / median)
    why = (
        f"The norm of what {named(names)} sent is {times.min():.3g} times the median of all "
        f"clients' ({median:.3g}); {share:.0%} of all that moves the model comes from there"
    )
    if after_training:
        why += f". It is {factor.min():.3g} times what was trained"
    return Suspicion(
        why,
        0.95 if after_training else 0.7,
        {
            "clients": names,
            "norm": updates.norm[rows].tolist(),
            "median_norm": median,
            "norm_over_trained": factor.tolist(),
        },
        without_clients([position for position, _ in found], evidence.setup),
    )


def steps_of(setup: Setup) -> np.ndarray:
    """How many local steps every client of the population takes, int `[population]`."""
    return setup.algorithm.client(setup.model).batching.steps_for(setup.clients.sizes)


def suspicious(updates: Updates, steps: np.ndarray) -> np.ndarray:
    """Whose norm stands out, whether or not it is taken per local step.

    With more steps a norm grows, at most in proportion, so both must be large. One that has grown
    after training is too long, whatever the others' are.
    """
    there = updates.norm > 0
    each = updates.norm / np.maximum(steps[updates.position], 1)
    long = stands_out(updates.norm, there) & stands_out(each, there)
    found = (long & (updates.fidelity > TURNED)) | (grown(updates) > LONG / 2)
    return found & ~leads_up(updates)  # Those are turned around, FW603.


def grown(updates: Updates) -> np.ndarray:
    """How many times what was trained each client sent, where most sent it as it was; else 1."""
    times = updates.norm / np.maximum(updates.trained_norm, 1e-30)
    if np.median(times) > AS_TRAINED:
        return np.ones_like(times)
    return np.where(updates.fidelity > -TURNED, times, 1.0)


def stands_out(norm: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Norms of `LONG` times the median, and outliers on a logarithmic scale; bool `[clients]`."""
    found = np.zeros(len(norm), bool)
    if there.sum() >= 3:
        found[there] = deviation(np.log(norm[there])) > OUTLYING
        found[there] &= norm[there] > LONG * np.median(norm[there])
    return found


CAUSE = Cause("FW604", "Some clients send updates far longer than all others'", suspect)
