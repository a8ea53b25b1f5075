"""Which messages are taken at all.

A message that fails is refused: the round is then as if its client had not taken part, and the
round's record names it. This is the part that depends on numbers, and it runs where the round runs;
shapes, which a compiled round cannot get wrong, are checked where messages arrive from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from fedwhy.federated import trees
from fedwhy.parameters import Positive, checked

if TYPE_CHECKING:
    from fedwhy.aggregators.aggregator import Message

PyTree = Any

# Why a message is refused, by number.
REASONS = (
    "taken",
    "its update is not finite, or so large that its norm overflows",
    "its weight is not a positive, finite number within bounds",
    "the norm of its update is out of bounds",
)

NOT_FINITE = 1

# Message -> the number of a reason, int32 scalar.
Refusal = Callable[[Any], jax.Array]


@checked
def validate(*, max_norm: Positive | None = None, max_weight: Positive = 1e9) -> Refusal:
    """Takes messages whose update is finite and whose weight is above 0 and at most `max_weight`.

    So are all messages checked, if nothing else is said. `max_norm` bounds the Euclidean norm of
    an update, over all its arrays; None for no bound. A finite update whose squares add up to more
    than a float32 holds (a norm of about 1.8e19) is refused as well. Returns a function from a
    message to the number of the reason in `REASONS`, int32, 0 where it is taken.
    """

    def refusal(message: Message) -> jax.Array:
        floats = [
            x for x in jax.tree.leaves(message.update) if jnp.issubdtype(x.dtype, jnp.inexact)
        ]
        square = trees.squared_norm(floats)
        weight, trust = (jnp.asarray(v, jnp.float32) for v in (message.weight, message.trust))
        weighs = (weight > 0) & (weight <= max_weight) & (trust >= 0) & jnp.isfinite(trust)
        far = jnp.bool_(False) if max_norm is None else square > max_norm**2
        reason = jnp.select([~jnp.isfinite(square), ~weighs, far], [NOT_FINITE, 2, 3], 0)
        return reason.astype(jnp.int32)

    return refusal


def first_not_finite(update: PyTree) -> jax.Array:
    """The number of the first leaf whose norm is not finite, int32; that of all leaves, if none."""
    squares = [trees.squared_norm(leaf) for leaf in jax.tree.leaves(update)]
    at_fault = ~jnp.isfinite(jnp.stack([*squares, jnp.float32(jnp.nan)]))
    return jnp.argmax(at_fault).astype(jnp.int32)
