"""Adaptive clipping: every update is clipped to a norm that follows a quantile of all norms.

Andrew, Thakkar, McMahan and Ramaswamy, "Differentially Private Learning with Adaptive Clipping",
NeurIPS 2021, Algorithm 1 without noise; defaults are those of TensorFlow Federated's
`robust_aggregator`.

    u_c = u_c min(1, C / |u_c|)
    C = C exp(-learning_rate (share of clients with |u_c| <= C - quantile))
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message, Traits
from fedwhy.aggregators.clipping import Norms
from fedwhy.aggregators.link import Changed, Link
from fedwhy.aggregators.quantile import Below
from fedwhy.federated import trees
from fedwhy.parameters import Fraction, Positive, checked
from fedwhy.recipe import recorded


class Reported(NamedTuple):
    """What a client says of its norm."""

    norms: Norms
    below: Below


@recorded
@checked
def adaptive_clipping(
    *, norm: Positive = 1.0, quantile: Fraction = 0.8, learning_rate: Positive = 0.2
) -> Link:
    """Bounds the norm of every update by the `quantile` of norms, which begins with `norm`.

    Measures as `clip` does, and `clipping_norm`, this round's bound.
    """

    def encode(message: Message, kept, bound: jax.Array, key: jax.Array) -> Changed:
        own = trees.norm(message.update)
        clipped = message._replace(update=trees.clip(message.update, bound))
        return Changed(clipped, reported=Reported(Norms.of(own, bound), Below.of(own, bound)))

    def decode(aggregate, reported: Reported, bound: jax.Array, key: jax.Array) -> Decoded:
        following = reported.below.next(bound, quantile, learning_rate)
        measured = {**reported.norms.measured, "clipping_norm": bound}
        return Decoded(aggregate, following, measured)

    def init(update) -> jax.Array:
        return jnp.float32(norm)

    traits = Traits(bounds=True)
    return Link("adaptive_clipping", encode, decode, init, traits=traits, most=lambda bound: bound)
