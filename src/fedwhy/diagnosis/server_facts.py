"""`ServerFacts`: what aggregator and server do with made-up messages, found out by asking them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import Message, Stack
from fedwhy.aggregators.catalogue import RULES
from fedwhy.algorithms import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.diagnosis import trial
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import FedwhyError
from fedwhy.federated import trees
from fedwhy.models import Weights

PyTree = Any

# The root mean square of a made-up update.
SIZE = 1e-2
ROUNDS = 10
# Examples of the clients that send made-up messages.
SIZES = (10, 20, 30, 40)


class SelfTest(NamedTuple):
    """What an aggregator made of the messages of four clients, with `SIZES` examples.

    - `equal`: how far the aggregate of equal updates is from the update, relative to it
    - `shares`: what the update of each counts in the aggregate, in the order of arrival
    - `reversed`: the same, by client, where they arrive the other way round
    - `overwritten`: whether an encoded message changes when the next one is encoded
    """

    equal: float
    shares: tuple[float, ...]
    reversed: tuple[float, ...]
    overwritten: bool


class ServerFacts(NamedTuple):
    """The server's part of a round.

    - `ratio`: how long the first step is, relative to the mean update; `steady`, the step of round
      `ROUNDS` where updates are all alike. NaN where messages carry more than weights, or their
      aggregate is no mean
    - `adaptive`: whether parameters with large updates hardly move further than others
    - `coordinate`: how far the longest of these steps moves a parameter, root mean square
    - `followed`: how far the evaluated model has moved by then, relative to the server's weights
    - `sent`: whether what clients receive changes with the server's weights
    - `shares` float `[clients]`: what each client of the population weighs in a mean of all; None
      where the aggregator is no mean
    - `test`: of an aggregator of the user's own, or the mean; None for those that change messages
      by design
    """

    ratio: float
    steady: float
    adaptive: bool
    coordinate: float
    followed: float
    sent: bool
    shares: np.ndarray | None
    test: SelfTest | None


def server_facts(setup: Setup, weights: Weights | None) -> ServerFacts | None:
    """The facts of `setup`, with its initial `weights`.

    None for an algorithm of several models, and for one that cannot be begun.
    """
    algorithm = setup.algorithm
    if weights is None or algorithm.models is not None or algorithm.clustered:
        return None
    try:
        server = algorithm.begin(weights, setup.clients.clients)
        like = algorithm.message(server).update
    except FedwhyError:  # The run will be refused with the same.
        return None
    plain = isinstance(like, Update) and not jax.tree.leaves(like.extra)
    averages = algorithm.aggregator.name == "mean"
    steps = Steps(np.nan, np.nan, False, np.nan, np.nan, True)
    if plain and averages:
        steps = steps_of(algorithm, server, trial.normal(like, SIZE, 0), setup.clients.clients)
    return ServerFacts(
        *steps,
        shares_of(algorithm, server, like, setup.clients.sizes) if averages else None,
        self_test(algorithm, server, like) if plain and testable(algorithm) else None,
    )


class Steps(NamedTuple):
    """The first fields of `ServerFacts`."""

    ratio: float
    steady: float
    adaptive: bool
    coordinate: float
    followed: float
    sent: bool


def steps_of(algorithm: Algorithm, server: ServerState, update: Update, population: int) -> Steps:
    """How the server steps where all clients send `update` in every round."""

    def stepped(state: ServerState, update: Update, number: int) -> tuple[ServerState, PyTree]:
        moved = algorithm.server(state, update, round_of(number, population))
        return moved, trees.subtract(moved.weights.params, state.weights.params)

    length = float(trees.norm(update.weights.params))
    _, uneven = stepped(server, trial.contrast(update), 1)
    state, steps = server, []
    for number in range(1, ROUNDS + 1):
        state, step = stepped(state, update, number)
        steps.append(float(trees.norm(step)))
    judged = trees.subtract(algorithm.evaluated(state).params, algorithm.evaluated(server).params)
    moved = float(trees.norm(trees.subtract(state.weights.params, server.weights.params)))
    return Steps(
        steps[0] / length,
        steps[-1] / length,
        trial.evened_out(uneven),
        max(steps) / float(np.sqrt(trees.size(update.weights.params))),
        float(trees.norm(judged)) / moved if moved else np.nan,
        not moved or received(algorithm, state) != received(algorithm, server),
    )


def received(algorithm: Algorithm, server: ServerState) -> bytes:
    """The model that clients receive, as bytes; of any broadcast, all of it."""
    sent = algorithm.broadcast(server)
    model = sent.weights.params if isinstance(sent, Broadcast) else sent
    return b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model))


def shares_of(
    algorithm: Algorithm, server: ServerState, like: PyTree, sizes: np.ndarray
) -> np.ndarray | None:
    """What clients of these sizes weigh in the mean, adding up to 1, float `[clients]`."""
    tiny = jax.tree.map(lambda leaf: jnp.zeros((), leaf.dtype), like)
    kept = algorithm.aggregator.enrol(tiny)

    def weight(examples: jax.Array, position: jax.Array) -> jax.Array:
        message = Message(tiny, examples, position=position)
        return algorithm.aggregator.encode(message, kept, server.aggregator, key(0))[0].weight

    examples, positions = jnp.asarray(sizes, jnp.float32), jnp.arange(len(sizes))
    weights = np.asarray(jax.vmap(weight)(examples, positions), np.float64)
    return weights / weights.sum() if weights.sum() > 0 else None


def testable(algorithm: Algorithm) -> bool:
    """Whether the aggregator must give equal updates back: the mean, and one of a user's own.

    The rules of the catalogue have tests of their own, and attacks change messages on purpose.
    """
    aggregator = algorithm.aggregator
    known = [rule for rule in RULES if rule != "mean"] + [" under "]
    changes = aggregator.traits._replace(counts=False)
    return aggregator.privacy is None and not (
        any(changes) or any(name in aggregator.name for name in known)
    )


def self_test(algorithm: Algorithm, server: ServerState, like: Update) -> SelfTest | None:
    """Asks the aggregator, and where its aggregate is no update, the server with it."""
    updates = [trial.normal(like, SIZE, seed) for seed in range(len(SIZES))]
    order = list(range(len(SIZES)))
    if aggregate(algorithm, server, updates, order) is None:
        return None

    def shares(order: Sequence[int]) -> tuple[float, ...]:
        result = vector(aggregate(algorithm, server, updates, order))
        columns = np.stack([vector(update) for update in updates], axis=1)
        return tuple(np.linalg.lstsq(columns, result, rcond=None)[0].tolist())

    same = vector(aggregate(algorithm, server, [updates[0]] * len(SIZES), order))
    first = vector(updates[0])
    return SelfTest(
        float(np.linalg.norm(same - first) / np.linalg.norm(first)),
        shares(order),
        shares(order[::-1]),
        overwrites(algorithm, server, updates),
    )


def aggregate(
    algorithm: Algorithm, server: ServerState, updates: Sequence[Update], order: Sequence[int]
) -> Update | None:
    """The aggregate of client number i's `updates[i]`, who arrive in this order.

    Where the aggregator leaves that to the server, it is how the server's weights change; None
    where these do not either.
    """
    aggregator = algorithm.aggregator
    encoded = [encode(algorithm, server, updates[i], i) for i in order]
    if aggregator.stacks:
        whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *encoded)
        total = Stack(whole, jnp.ones(len(order), bool), jnp.asarray(order, jnp.int32))
    else:
        total = encoded[0]
        for message in encoded[1:]:
            total = trees.add(total, message)
    result = aggregator.decode(total, server.aggregator, key(1)).aggregate
    if isinstance(result, Update):
        return result
    moved = algorithm.server(server, result, round_of(1, len(order)))
    change = trees.subtract(moved.weights, server.weights)
    return Update(change) if float(trees.norm(change.params)) > 0 else None


def overwrites(algorithm: Algorithm, server: ServerState, updates: Sequence[Update]) -> bool:
    """Whether the first client's encoded message is another one after the second's is encoded."""
    first = encode(algorithm, server, updates[0], 0)
    before = [np.array(leaf) for leaf in jax.tree.leaves(first)]
    encode(algorithm, server, updates[1], 1)
    after = [np.asarray(leaf) for leaf in jax.tree.leaves(first)]
    return any(not np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def encode(algorithm: Algorithm, server: ServerState, update: Update, client: int) -> PyTree:
    """What client number `client` sends."""
    aggregator = algorithm.aggregator
    message = Message(update, jnp.float32(SIZES[client]), position=jnp.int32(client))
    return aggregator.encode(message, aggregator.enrol(update), server.aggregator, key(client))[0]


def vector(update: Update | None) -> np.ndarray:
    """The parameters of an update in one row, float64."""
    leaves = [] if update is None else jax.tree.leaves(update.weights.params)
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in leaves])


def round_of(number: int, population: int) -> Round:
    """Round `number`, in which all take part."""
    return Round(jnp.int32(number), jnp.int32(population), jnp.int32(population))


def key(number: int) -> jax.Array:
    """A key of its own for each number."""
    return jax.random.key(number)
