"""Clipping of gradients, and how often it binds; that of whole updates is `trees.clip`."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.federated import trees

PyTree = Any


class Clipped(NamedTuple):
    """Sums over local steps whose gradients are clipped, float32 scalars.

    `steps` counts them, `bound` those whose gradient was too long, and `norm` adds up the norms
    that gradients had before.
    """

    steps: jax.Array
    bound: jax.Array
    norm: jax.Array

    @staticmethod
    def zero() -> Clipped:
        """Before the first step."""
        return Clipped(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))


def clip(gradient: PyTree, tensor: float | None, whole: float | None) -> tuple[PyTree, Clipped]:
    """`gradient`, each tensor scaled down to the norm `tensor`, then all of it to `whole`.

    None is no bound. Also returns the sums of this step.
    """
    norm, bound = trees.norm(gradient), jnp.zeros((), bool)
    if tensor is not None:
        for leaf in jax.tree.leaves(gradient):
            bound |= trees.norm(leaf) > tensor
        gradient = jax.tree.map(lambda leaf: trees.clip(leaf, tensor), gradient)
    if whole is not None:
        bound |= trees.norm(gradient) > whole
        gradient = trees.clip(gradient, whole)
    return gradient, Clipped(jnp.ones(()), bound.astype(jnp.float32), norm)
