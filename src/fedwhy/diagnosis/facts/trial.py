"""Made-up trees to try optimizers on, and how to read what they answer."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any

# How much larger every second number of `contrast` is than the others.
CONTRAST = 100.0
# Steps that differ by less than this between such numbers were evened out.
EVEN = 10.0


def normal(like: PyTree, size: float, seed: int) -> PyTree:
    """Normal numbers of this standard deviation in the shapes of `like`; whole numbers are zero."""
    rng = np.random.default_rng(seed)

    def leaf(shape: Any) -> jax.Array:
        values = size * rng.standard_normal(shape.shape)
        inexact = jnp.issubdtype(shape.dtype, jnp.inexact)
        return jnp.asarray(values if inexact else 0 * values, shape.dtype)

    return jax.tree.map(leaf, like)


def contrast(like: PyTree) -> PyTree:
    """1 and `CONTRAST` in turns in the shapes of `like`."""

    def leaf(shape: Any) -> jax.Array:
        values = np.where(np.arange(np.prod(shape.shape, dtype=int)) % 2, CONTRAST, 1.0)
        return jnp.asarray(values.reshape(shape.shape), shape.dtype)

    return jax.tree.map(leaf, like)


def evened_out(step: PyTree) -> jax.Array:
    """Whether the step along `contrast` goes hardly further where the gradient is larger.

    That is what makes an optimizer adaptive: clipping and normalising keep the proportions.
    """
    leaves = [jnp.abs(leaf).ravel() for leaf in jax.tree.leaves(step) if leaf.size > 1]
    if not leaves:
        return jnp.bool_(False)

    def mean(start: int) -> jax.Array:
        parts = [leaf[start::2] for leaf in leaves]
        return sum(map(jnp.sum, parts), jnp.zeros(())) / sum(part.size for part in parts)

    small, large = mean(0), mean(1)
    return (small > 0) & (large < EVEN * small)


def once(function: Callable[..., PyTree], *args: PyTree) -> PyTree:
    """What `function` returns, compiled as a whole, which is faster than one operation at a time.

    It is traced anew in every call, so that what it remembers outside of its arguments shows.
    """
    return jax.device_get(jax.jit(lambda *args: function(*args))(*args))
