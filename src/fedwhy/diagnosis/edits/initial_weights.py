"""Drawing a model's initial weights anew, whatever its front end."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any

# A constant above this is no scale of a normalisation, nor a bias that somebody meant.
LARGE = 10.0


def drawn_anew(params: PyTree, seed: int) -> PyTree:
    """Initial weights as Glorot and Bengio 2010 (eq. 16) draw them, in the shapes of `params`.

    A tensor of two axes or more is uniform within `sqrt(6 / (inputs + outputs))`. One of fewer
    axes stays if it is a positive constant, as scales of normalisations are; else it is zero.
    """
    generator = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: _drawn(leaf, generator), params)


def is_kernel(leaf: Any) -> bool:
    """Whether a tensor weighs inputs, rather than being a bias or a scale."""
    return leaf.ndim >= 2 and jnp.issubdtype(leaf.dtype, jnp.floating)


def _drawn(leaf: Any, generator: np.random.Generator) -> Any:
    values = np.asarray(leaf)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        return leaf
    if is_kernel(values):
        limit = math.sqrt(6 / sum(_fans(values.shape)))
        values = generator.uniform(-limit, limit, values.shape).astype(values.dtype)
    elif not (np.ptp(values) == 0 and 0 < values.flat[0] <= LARGE):
        values = np.zeros_like(values)
    return jnp.asarray(values)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs a unit has, and how many units an input goes to."""
    field = math.prod(shape[:-2])
    if len(shape) == 4 and shape[-1] == 1:  # Keras's depthwise kernels: each channel on its own.
        return field, field
    return field * shape[-2], field * shape[-1]
