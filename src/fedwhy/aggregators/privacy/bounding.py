"""The bound on what one client sends, on which every guarantee rests."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Message, trusted
from fedwhy.errors import ParameterError
from fedwhy.federated import trees

PyTree = Any


class Bounded(NamedTuple):
    """An update of at most a given norm; `inside` float32 is 1 where it was so before, else 0."""

    update: PyTree
    inside: jax.Array


def bounded(update: PyTree, norm: jax.typing.ArrayLike) -> Bounded:
    """`update` as float32, scaled down to `norm` over all leaves where it is larger.

    One whose norm is not finite becomes zero, so that the bound holds for whatever a client sends.
    """
    update = trees.as_float32(update)
    length = trees.norm(update)
    finite = jnp.isfinite(length)
    factor = jnp.where(length > norm, norm / length, 1.0)
    kept = jax.tree.map(lambda x: jnp.where(finite, x * factor, 0.0), update)
    return Bounded(kept, (length <= norm).astype(jnp.float32))


def check_untrusted(name: str, message: Message) -> None:
    """Raises `ParameterError` where trust is set, which is computed from what privacy hides."""
    if trusted(message):
        raise ParameterError(
            "trust",
            f"{name} hides updates, and trust tells of them as they were before; leave trust out, "
            "or privacy",
        )
