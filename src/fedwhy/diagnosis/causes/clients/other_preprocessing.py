"""FW606: some clients prepare their inputs in another way than all others."""

from typing import NamedTuple

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.data.arrays import take
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import deviation
from fedwhy.diagnosis.edits.clients import named, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# So many examples of each client are looked at, and numbers of all of them.
EXAMPLES, NUMBERS = 64, 2**24
# How far a client must be: in modified z-scores, in standard deviations of a typical client's
# inputs, and in times of these.
OUTLYING, SHIFTED, SCALED = 6.0, 0.75, 2.0
# More than this share of the clients are no exceptions.
FEW = 0.3


class Inputs(NamedTuple):
    """Mean and standard deviation of each client's inputs, all numbers alike, `[clients]`."""

    mean: np.ndarray
    deviation: np.ndarray


def suspect(evidence: Evidence) -> Suspicion | None:
    """Clients whose inputs have another mean or another scale than nearly all others'."""
    clients = evidence.setup.clients
    if clients.clients < 4:
        return None
    inputs = inputs_of(clients)
    if inputs is None:
        return None
    odd = np.flatnonzero(stands_out(inputs))
    if not 0 < len(odd) <= FEW * clients.clients:
        return None
    ids = clients.ids[odd].tolist()
    mean, spread = float(np.median(inputs.mean)), float(np.median(inputs.deviation))
    return Suspicion(
        f"The inputs of {named(ids)} have the mean {inputs.mean[odd].mean():.3g} and the standard "
        f"deviation {inputs.deviation[odd].mean():.3g}; those of the other clients {mean:.3g} and "
        f"{spread:.3g}",
        0.85,
        {
            "clients": [str(id) for id in ids],
            "mean": inputs.mean[odd].tolist(),
            "deviation": inputs.deviation[odd].tolist(),
            "median_mean": mean,
            "median_deviation": spread,
        },
        without_clients(odd.tolist(), evidence.setup),
    )


def inputs_of(clients: FederatedDataset) -> Inputs | None:
    """Moments of what each client's first examples hold; None where x holds no such numbers.

    Whole numbers other than bytes name things (letters, words), so they have no scale.
    """
    leaves = [leaf for leaf in jax.tree.leaves(clients.x) if leaf.dtype.kind == "f"]
    leaves += [leaf for leaf in jax.tree.leaves(clients.x) if leaf.dtype == np.uint8]
    width = sum(leaf[:1].size for leaf in leaves)
    if not width:
        return None
    most = int(np.clip(NUMBERS // (width * clients.clients), 1, EXAMPLES))
    means, deviations = np.zeros(clients.clients), np.zeros(clients.clients)
    for at, (begin, size) in enumerate(zip(clients.offsets, clients.sizes, strict=False)):
        rows = take(leaves, slice(begin, begin + min(size, most)))
        values = np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in rows])
        values = values[np.isfinite(values)]
        if len(values):
            means[at], deviations[at] = values.mean(), values.std()
    return Inputs(means, deviations)


def stands_out(inputs: Inputs) -> np.ndarray:
    """Which clients' inputs are far from the median client's, and from the spread of all."""
    typical = max(float(np.median(inputs.deviation)), 1e-30)
    shift = np.abs(inputs.mean - np.median(inputs.mean)) / typical
    shifted = (shift > SHIFTED) & (np.abs(deviation(inputs.mean)) > OUTLYING)
    logs = np.log(np.maximum(inputs.deviation, 1e-12 * typical))
    scale = np.abs(logs - np.median(logs))
    return shifted | ((scale > np.log(SCALED)) & (np.abs(deviation(logs)) > OUTLYING))


CAUSE = Cause("FW606", "Some clients prepare their inputs in another way", suspect)
