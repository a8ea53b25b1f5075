"""The mean of the gradients that a client's optimizer was given in its local steps.

Plain SGD gives it away: `(x - y) / (K eta)`, of the model x before K steps of rate eta and the
model y after them. That spares every step a second use of its gradient, which costs as much as the
gradient itself where batches are small. For other optimizers the gradients are summed up.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.federated import trees

PyTree = Any

# A gradient of all sizes, with two axes as the weights of a layer have, and what is tried with it:
# factors of the gradient, and all weights.
TRIED = np.array([[1e-9, -1.0, 1e9], [3.0, -1e-3, 1e3]], np.float32)
TRIALS = ((1.0, 0.0), (1e-6, 0.0), (1.0, 1.0))


def begin(sgd: LocalSGD, params: PyTree) -> PyTree:
    """The sum of gradients like `params` before the first step; `()` where none is needed."""
    return trees.zeros(params) if plain_rates(sgd, params) is None else ()


def advance(total: PyTree, gradient: PyTree) -> PyTree:
    """The sum after one more step."""
    return total if total == () else trees.add(total, gradient)


def mean(sgd: LocalSGD, total: PyTree, update: PyTree, steps: jax.Array) -> PyTree:
    """The mean after so many steps, which have changed the parameters by `update`."""
    rates = plain_rates(sgd, update)
    if rates is None:
        return trees.scale(total, 1.0 / steps)
    return jax.tree.map(lambda u, rate: (-u / (rate * steps)).astype(u.dtype), update, rates)


def plain_rates(sgd: LocalSGD, params: PyTree) -> PyTree | None:
    """Each tensor's rate, a float, if steps are `-rate * gradient` and rates positive; else None.

    The optimizer is tried, since optax does not tell: one that remembers nothing, and answers to
    gradients and weights of all sizes like plain SGD, is taken for it.
    """
    if sgd.rate or sgd.clips:
        return None
    with jax.ensure_compile_time_eval():
        gradient = jax.tree.map(lambda _: jnp.asarray(TRIED), params)
        state = sgd.optimizer.init(gradient)
        if jax.tree.leaves(state):
            return None

        def answer(factor: float, weight: float) -> PyTree:
            weights = jax.tree.map(lambda _: jnp.full(TRIED.shape, weight), params)
            return sgd.optimizer.update(trees.scale(gradient, factor), state, weights)[0]

        try:
            answers = [trees.scale(answer(*trial), 1.0 / trial[0]) for trial in TRIALS]
        except TypeError:  # It needs more than gradients, such as the loss.
            return None
        rates = jax.tree.map(lambda change: -float(change[0, 1] / TRIED[0, 1]), answers[0])

        def plain(rate: float, *changes: jax.Array) -> bool:
            return rate > 0 and np.allclose(changes, -rate * TRIED, rtol=1e-5, atol=0.0)

        every = jax.tree.leaves(jax.tree.map(plain, rates, *answers))
    return rates if all(every) else None
