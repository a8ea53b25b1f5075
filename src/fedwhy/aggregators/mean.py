"""The mean of the clients' updates, weighted or not."""

from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Message
from fedwhy.errors import one_of
from fedwhy.federated import trees

WEIGHTINGS = ("examples", "uniform")


def mean(weighting: str = "examples") -> Aggregator:
    """The weighted mean `sum(w_c u_c) / sum(w_c)` of the updates (McMahan et al. 2017, Alg. 1).

    `weighting="examples"` takes each message's own weight, `"uniform"` takes `w_c = 1`. Weights
    are applied here and nowhere else. Where all weights are zero the aggregate is zero, so the
    round changes nothing.
    """
    uniform = one_of("weighting", weighting, WEIGHTINGS) == "uniform"

    def encode(message: Message, client_state: Any, state: Any, key: jax.Array):
        weight = jnp.ones(()) if uniform else message.weight
        return Message(trees.scale(trees.as_float32(message.update), weight), weight), client_state

    def decode(total: Message, state: Any, key: jax.Array):
        weight = jnp.where(total.weight > 0, total.weight, 1.0)
        return trees.scale(total.update, 1.0 / weight), state

    return Aggregator(lambda update: (), lambda update: (), encode, decode)
