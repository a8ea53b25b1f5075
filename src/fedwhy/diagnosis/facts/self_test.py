"""`SelfTest`: what comes of made-up messages, which any mean must get right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import Aggregator, Message, Stack, attacked, mean
from fedwhy.aggregators.catalogue import RULES
from fedwhy.algorithms import Algorithm, Round, ServerState, Update
from fedwhy.algorithms.compressed_broadcast import with_key
from fedwhy.algorithms.fltrust import rooted
from fedwhy.algorithms.trust import agreeing
from fedwhy.diagnosis.facts import trial
from fedwhy.federated import trees

PyTree = Any

# The root mean square of a made-up update.
SIZE = 1e-2
# Examples of the clients that send made-up messages.
SIZES = (10, 20, 30, 40)


class SelfTest(NamedTuple):
    """What an aggregator made of the messages of four clients, with `SIZES` examples.

    - `equal`: how far the aggregate of equal updates is from the update, relative to it
    - `shares`: what the update of each counts in the aggregate, in the order of arrival
    - `reversed`: the same, by client, where they arrive the other way round
    """

    equal: float
    shares: tuple[float, ...]
    reversed: tuple[float, ...]


def undisturbed(aggregator: Aggregator, state: PyTree) -> tuple[Aggregator, PyTree]:
    """The aggregator that attacks wrap, which change messages on purpose, and its state.

    So it is where the model is compressed on its way to clients, or where they are trusted by how
    far they agree.
    """
    while (recipe := aggregator.recipe) and recipe.function in (agreeing, attacked, with_key):
        aggregator, state = recipe.arguments["aggregator"], state.aggregator
    return aggregator, state


def testable(aggregator: Aggregator) -> bool:
    """Whether the aggregator, `undisturbed`, is a user's own, which must give equal updates back.

    Those of the catalogue have tests of their own.
    """
    known_wrapper = aggregator.recipe is not None and aggregator.recipe.function is rooted
    if aggregator.encode.__module__ == mean.__module__ or known_wrapper:
        return False
    known = [rule for rule in RULES if rule != "mean"]
    changes = aggregator.traits._replace(counts=False, alike=False)
    return aggregator.privacy is None and not (
        any(changes) or any(name in aggregator.name for name in known)
    )


def self_test(algorithm: Algorithm, server: ServerState, like: Update) -> SelfTest | None:
    """Asks the aggregator, `undisturbed`, and where its aggregate is no update, the server too."""
    updates = [trial.normal(like, SIZE, seed) for seed in range(len(SIZES))]
    order = list(range(len(SIZES)))

    def asked(server: ServerState, updates: list[Update]) -> list[PyTree]:
        same = [updates[0]] * len(SIZES)
        return [
            aggregate(algorithm, server, sent, arrival).weights.params
            for sent, arrival in ((updates, order), (updates, order[::-1]), (same, order))
        ]

    forward, backward, same = map(vector, trial.once(asked, server, updates))
    sent = np.stack([vector(update.weights.params) for update in updates], axis=1)
    if not forward.any():
        return None
    first = sent[:, 0]
    return SelfTest(
        float(np.linalg.norm(same - first) / np.linalg.norm(first)),
        *(tuple(np.linalg.lstsq(sent, a, rcond=None)[0].tolist()) for a in (forward, backward)),
    )


def aggregate(
    algorithm: Algorithm, server: ServerState, updates: Sequence[Update], order: Sequence[int]
) -> Update:
    """The aggregate of client number i's `updates[i]`, who arrive in this order.

    Where the aggregator leaves that to the server, it is how the server's weights change.
    """
    aggregator, state = undisturbed(algorithm.aggregator, server.aggregator)
    encoded = [encode(aggregator, state, updates[i], i) for i in order]
    if aggregator.stacks:
        whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *encoded)
        total = Stack(whole, jnp.ones(len(order), bool), jnp.asarray(order, jnp.int32))
    else:
        total = reduce(trees.add, encoded)
    result = aggregator.decode(total, state, key(1)).aggregate
    if isinstance(result, Update):
        return result
    moved = algorithm.server(server, result, round_of(1, len(order)))
    return Update(trees.subtract(moved.weights, server.weights))


def encode(aggregator: Aggregator, state: PyTree, update: Update, client: int) -> PyTree:
    """What client number `client` sends."""
    message = Message(update, jnp.float32(SIZES[client]), position=jnp.int32(client))
    return aggregator.encode(message, aggregator.enrol(update), state, key(client))[0]


def vector(params: PyTree) -> np.ndarray:
    """All numbers of a tree in one row, float64."""
    return np.concatenate(
        [np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)]
    )


def round_of(number: Any, population: int) -> Round:
    """Round `number`, in which all take part."""
    return Round(jnp.int32(number), jnp.int32(population), jnp.int32(population))


def key(number: int) -> jax.Array:
    """A key of its own for each number."""
    return jax.random.key(number)
