"""The mean of the clients' updates, weighted or not."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Traits
from fedwhy.aggregators.weighting import Weighting, weighting_of
from fedwhy.federated import trees
from fedwhy.recipe import recorded

PyTree = Any


class Weighted(NamedTuple):
    """Updates times weights, and weights; summed over clients."""

    update: PyTree
    weight: jax.Array


@recorded
def mean(weighting: str | Weighting = "examples") -> Aggregator:
    """The weighted mean `sum(w_c u_c) / sum(w_c)` of the updates (McMahan et al. 2017, Alg. 1).

    `weighting="examples"` takes each message's own weight, `"uniform"` takes `w_c = 1`, and
    `"importance"` divides the message's own by its chance to be drawn; or it is a function of a
    `Message`, such as `capped(100)`. The message's `trust` is a factor of each. Weights are applied
    here and nowhere else. Where all are zero the aggregate is zero, so the round changes nothing.
    """
    weigh = weighting_of(weighting)

    def encode(message: Message, client_state: Any, state: Any, key: jax.Array):
        weight = weigh(message) * message.trust
        return Weighted(trees.scale(trees.as_float32(message.update), weight), weight), client_state

    def decode(total: Weighted, state: Any, key: jax.Array) -> Decoded:
        weight = jnp.where(total.weight > 0, total.weight, 1.0)
        return Decoded(trees.scale(total.update, 1.0 / weight), state)

    return Aggregator("mean", encode, decode, traits=Traits(counts=weighting != "uniform"))
