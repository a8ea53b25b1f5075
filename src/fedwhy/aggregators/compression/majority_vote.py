"""Majority vote: every number moves as most clients would move it, by one step for all.

Bernstein, Zhao, Azizzadenesheli and Anandkumar, "signSGD with Majority Vote is Communication
Efficient and Fault Tolerant", ICLR 2019, Algorithm 1.

    client c sends sign(x_c)
    aggregate = step sign(sum_c sign(x_c))
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Traits
from fedwhy.aggregators.compression.arrays import compressible
from fedwhy.aggregators.compression.sign import sign
from fedwhy.federated import trees
from fedwhy.parameters import Positive, checked

PyTree = Any


class Votes(NamedTuple):
    """Summed over clients.

    - `signs`: int32 signs; of leaves that have no vote (integers, single numbers) they themselves
    - `sizes`: the mean absolute value of each leaf, float32
    - `clients`: how many there are, float32
    """

    signs: PyTree
    sizes: PyTree
    clients: jax.Array


@checked
def majority_vote(*, step: Positive | None = None) -> Aggregator:
    """The sign of the sum of all clients' signs, times `step`; 0 where votes are even.

    `step=None` takes for each leaf the mean over clients of its mean absolute value, so that no
    step size need be found. Every client has one vote, whatever its weight; a vote is one bit, so
    that a number that is 0 votes by chance. Integers and single numbers have their mean. What
    counts as sent is what `sign()` sends. Measures `margin`, the mean over votes of the share of
    clients by which each was won: 1 where all agree, 0 where votes are even.
    """

    def encode(message: Message, client_state: PyTree, state: PyTree, key: jax.Array):
        def leaf(x: jax.Array, key: jax.Array) -> jax.Array:
            if not compressible(x):
                return x.astype(jnp.float32)
            chance = jax.random.rademacher(key, x.shape, jnp.int32)
            return jnp.where(x == 0, chance, jnp.sign(x).astype(jnp.int32))

        leaves, structure = jax.tree.flatten(message.update)
        votes = map(leaf, leaves, jax.random.split(key, len(leaves)))
        sizes = jax.tree.map(lambda x: jnp.mean(jnp.abs(x.astype(jnp.float32))), message.update)
        return Votes(jax.tree.unflatten(structure, votes), sizes, jnp.ones(())), client_state

    def decode(total: Votes, state: PyTree, key: jax.Array) -> Decoded:
        clients = jnp.maximum(total.clients, 1.0)

        def leaf(votes: jax.Array, size: jax.Array) -> jax.Array:
            if votes.dtype != jnp.int32:
                return votes / clients
            return jnp.sign(votes) * (size / clients if step is None else step)

        votes = [each for each in jax.tree.leaves(total.signs) if each.dtype == jnp.int32]
        won = sum((jnp.abs(each).sum(dtype=jnp.float32) for each in votes), start=jnp.zeros(()))
        margin = won / (clients * max(trees.size(votes), 1))
        return Decoded(jax.tree.map(leaf, total.signs, total.sizes), state, {"margin": margin})

    return Aggregator(
        "majority_vote",
        encode,
        decode,
        packed=sign().packed,
        traits=Traits(alike=True),
    )
