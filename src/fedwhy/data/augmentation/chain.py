"""What an augmentation is, and several one after another."""

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

PyTree = Any


class Augmentation(Protocol):
    """A random change of a batch, the same for the same key."""

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The changed batch; its inputs have the shapes and types of `x`."""
        ...


@dataclass(frozen=True)
class Chain:
    """All steps, one after another, each with a key of its own."""

    steps: tuple[Augmentation, ...]

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch as all steps change it."""
        for number, step in enumerate(self.steps):
            x, y = step(jax.random.fold_in(key, number), x, y)
        return x, y


def as_before(values: jax.Array, before: jax.Array) -> jax.Array:
    """Floating `values` in the type of `before`: whole numbers are rounded and kept in range."""
    if jnp.issubdtype(before.dtype, jnp.floating):
        return values.astype(before.dtype)
    bounds = jnp.iinfo(before.dtype)
    return jnp.clip(jnp.round(values), bounds.min, bounds.max).astype(before.dtype)
