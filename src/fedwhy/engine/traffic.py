"""What one client receives and sends in a round, in bytes."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.engine.program import Keys, Lanes, enrol
from fedwhy.federated import trees

PyTree = Any


class Traffic(NamedTuple):
    """Bytes that one client receives (`down`) and sends (`up`) in a round.

    `up_before` is the part of `up` that it sends in exchanges before the main one.
    """

    down: int
    up: int
    up_before: int = 0


def traffic(algorithm: Algorithm, server: ServerState) -> Traffic:
    """The bytes of every exchange of a round, as arrays in memory, without framing."""
    before = traffic(algorithm.first, server) if algorithm.first else Traffic(0, 0)

    def exchange(server: ServerState, key: jax.Array) -> tuple[PyTree, PyTree]:
        work, packed = algorithm.client(algorithm.model), algorithm.aggregator.packed
        lanes = Lanes(algorithm, work, server, (), Keys(key, key), 1)
        _, encoded, _ = lanes.one_client(enrol(algorithm, server))
        received = algorithm.received or whole
        if packed:  # What the rule encodes is made at the server, of what was packed.
            return received(lanes.broadcast), (packed(trees.zeros(update)), jnp.float32(0))
        return received(lanes.broadcast), encoded

    update = algorithm.message(server).update
    down, up = jax.eval_shape(exchange, server, jax.random.key(0))
    # Where only the sum is seen, nobody may see which part of it a client adds to.
    sent = whole if algorithm.aggregator.traits.hides else algorithm.sent or whole
    stays = size(update) - size(jax.eval_shape(sent, update))
    up = size(up) - stays if jax.tree.leaves(update) else 0
    return Traffic(before.down + size(down), before.up + up, before.up)


def whole(tree: PyTree) -> PyTree:
    """All of it: what an algorithm sends that names no part."""
    return tree


def size(tree: PyTree) -> int:
    """The bytes of a pytree of arrays, or of their shapes."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
