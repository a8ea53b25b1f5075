"""Norm bounding: every update is scaled down to a norm, where its own is larger.

Sun, Kairouz, Suresh and McMahan, "Can You Really Backdoor Federated Learning?", arXiv 2019, section
4 (norm thresholding); McMahan, Ramage, Talwar and Zhang, "Learning Differentially Private Recurrent
Language Models", ICLR 2018, "flat clipping".

    u_c = u_c min(1, norm / |u_c|)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message, Traits
from fedwhy.aggregators.link import Changed, Link
from fedwhy.federated import trees
from fedwhy.parameters import Positive, checked
from fedwhy.recipe import recorded


class Norms(NamedTuple):
    """Of one message, or summed over messages, float32: how many, how many clipped, norms."""

    clients: jax.Array
    clipped: jax.Array
    norm: jax.Array

    @staticmethod
    def of(norm: jax.Array, most: jax.typing.ArrayLike) -> "Norms":
        """Those of a message whose update has this `norm`, and may have `most`."""
        return Norms(jnp.ones(()), (norm > most) * 1.0, norm)

    @property
    def measured(self) -> dict[str, jax.Array]:
        """`clipped`, the share of clients, and `norm`, the mean before clipping."""
        clients = jnp.maximum(self.clients, 1)
        return {"clipped": self.clipped / clients, "norm": self.norm / clients}


@recorded
@checked
def clip(norm: Positive = 1.0) -> Link:
    """Bounds the Euclidean norm of every update, over all its arrays, by `norm`.

    Measures `clipped`, the share of clients whose update was larger, and `norm`, the mean norm
    before clipping.
    """

    def encode(message: Message, kept, state, key: jax.Array) -> Changed:
        own = trees.norm(message.update)
        clipped = message._replace(update=trees.clip(message.update, norm))
        return Changed(clipped, reported=Norms.of(own, norm))

    def decode(aggregate, reported: Norms, state, key: jax.Array) -> Decoded:
        return Decoded(aggregate, state, reported.measured)

    return Link("clip", encode, decode, traits=Traits(bounds=True), most=lambda state: norm)
