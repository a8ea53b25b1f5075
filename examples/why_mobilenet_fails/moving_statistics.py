"""Other moving statistics for the same trained weights: clients never trained with them."""

from typing import Any

import jax
import numpy as np

from fedwhy.models import Model, Weights

PyTree = Any
# How many examples a client normalises by at a time.
BATCH = 200


def initial(model: Model, x: Any) -> PyTree:
    """What moving statistics begin as: mean 0 and variance 1."""
    return model.init(jax.random.key(0), x[:1]).state


def taken_anew(forgetful: Model, weights: Weights, x: Any) -> PyTree:
    """The mean over batches of `x`, mixed, of their own statistics, by one pass without training.

    `forgetful` is the model whose statistics have momentum 0, so that they are those of a batch.
    """
    x = np.random.default_rng(0).permutation(x)

    @jax.jit
    def of_batch(x: jax.Array) -> PyTree:
        return forgetful.apply(*weights, x, jax.random.key(0), True)[1]

    states = [of_batch(x[at : at + BATCH]) for at in range(0, len(x), BATCH)]
    return jax.tree.map(lambda *batches: np.mean(batches, axis=0), *states)
