"""`ServerFacts`: what aggregator and server do with made-up messages, found out by asking them."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import Aggregator, Message
from fedwhy.aggregators.chain import weighted
from fedwhy.algorithms import Algorithm, Broadcast, ServerState, Update
from fedwhy.diagnosis.facts import trial
from fedwhy.diagnosis.facts.self_test import (
    SIZE,
    SelfTest,
    key,
    round_of,
    self_test,
    testable,
    undisturbed,
)
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import FedwhyError
from fedwhy.federated import paths, trees
from fedwhy.models import Weights

PyTree = Any

ROUNDS = 10


class ServerFacts(NamedTuple):
    """The server's part of a round, where no client attacks.

    - `ratio`: how long the first step is, relative to the mean update; `steady`, the step of round
      `ROUNDS` where updates are all alike. NaN where messages carry more than weights, or their
      aggregate is no mean
    - `along`: the cosine of the first step and the mean update; NaN where it does not move
    - `adaptive`: whether parameters with large updates hardly move further than others
    - `coordinate`: how far the longest of these steps moves a parameter, root mean square
    - `followed`: how far the evaluated model has moved by then, relative to the server's weights,
      in the tensor that is furthest behind
    - `sent`: whether what clients receive changes with the server's weights
    - `shares` float `[clients]`: what each client of the population weighs in a mean of all; None
      where the aggregator is no mean
    - `test`: of an aggregator of the user's own; None for those of the catalogue, some of which
      change messages by design
    """

    ratio: float
    steady: float
    along: float
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
    aggregator, state = undisturbed(algorithm.aggregator, server.aggregator)
    averages = aggregator.name == "mean"
    steps = Steps(np.nan, np.nan, np.nan, False, np.nan, np.nan, True)
    if plain and averages:
        steps = steps_of(algorithm, server, trial.normal(like, SIZE, 0), setup.clients.clients)
    return ServerFacts(
        *steps,
        shares_of(aggregator, state, like, setup.clients.sizes) if averages else None,
        self_test(algorithm, server, like) if plain and testable(aggregator) else None,
    )


class Steps(NamedTuple):
    """The first fields of `ServerFacts`."""

    ratio: float
    steady: float
    along: float
    adaptive: bool
    coordinate: float
    followed: float
    sent: bool


def steps_of(algorithm: Algorithm, server: ServerState, update: Update, population: int) -> Steps:
    """How the server steps where all clients send `update` in every round."""

    def rounds(server: ServerState, update: Update, uneven: Update) -> tuple[jax.Array, ...]:
        def stepped(state: ServerState, update: Update, number: Any) -> tuple[ServerState, PyTree]:
            moved = algorithm.server(state, update, round_of(number, population))
            return moved, trees.subtract(moved.weights.params, state.weights.params)

        def again(number: jax.Array, carry: tuple[ServerState, jax.Array]):
            state, lengths = carry
            state, step = stepped(state, update, number)
            return state, lengths.at[number - 1].set(trees.norm(step))

        begin = server, jnp.zeros(ROUNDS)
        state, lengths = jax.lax.fori_loop(1, ROUNDS + 1, again, begin)
        first = stepped(server, update, 1)[1]
        sent = paths.fill(update.weights.params, first)  # What is personal is not.
        evened = trial.evened_out(stepped(server, uneven, 1)[1])
        judged = distances(algorithm.evaluated(state), algorithm.evaluated(server))
        moved = distances(state.weights, server.weights)
        length, numbers = trees.norm(update.weights.params), trees.size(update.weights.params)
        return (
            lengths[0] / length,
            lengths[-1] / length,
            jnp.where(lengths[0] > 0, trees.cosine(first, sent), jnp.nan),
            evened,
            lengths.max() / jnp.sqrt(numbers),
            least(judged, moved),
            (moved.sum() == 0) | differs(received(algorithm, state), received(algorithm, server)),
        )

    found = trial.once(rounds, server, update, trial.contrast(update))
    return Steps(*(value.item() for value in found))


def distances(a: Weights, b: Weights) -> jax.Array:
    """The norms of the differences of two models' parameters, `[tensors]`."""
    return jnp.stack(list(map(trees.norm, jax.tree.leaves(trees.subtract(a.params, b.params)))))


def least(judged: jax.Array, moved: jax.Array) -> jax.Array:
    """The least of one relative to the other where that moves; NaN where nothing does."""
    shares = jnp.where(moved > 0, judged / jnp.where(moved > 0, moved, 1.0), jnp.inf)
    return jnp.where((moved > 0).any(), shares.min(), jnp.nan)


def received(algorithm: Algorithm, server: ServerState) -> PyTree:
    """The model that clients receive; of any broadcast, all of it."""
    sent = algorithm.broadcast(server)
    return sent.weights.params if isinstance(sent, Broadcast) else sent


def differs(a: PyTree, b: PyTree) -> jax.Array:
    """Whether any number of two trees is another one."""
    found = jax.tree.map(lambda x, y: jnp.any(x != y), a, b)
    return jnp.any(jnp.stack(jax.tree.leaves(found)))


def shares_of(
    aggregator: Aggregator, state: PyTree, like: PyTree, sizes: np.ndarray
) -> np.ndarray | None:
    """What clients of these sizes weigh in the mean, adding up to 1, float `[clients]`."""
    tiny = jax.tree.map(lambda leaf: jnp.zeros((), leaf.dtype), like)
    kept = aggregator.enrol(tiny)

    def weight(examples: jax.Array, position: jax.Array) -> jax.Array:
        message = Message(tiny, examples, position=position)
        encoded = weighted(aggregator.encode(message, kept, state, key(0))[0])
        return jnp.zeros(()) if encoded is None else encoded.weight

    examples, positions = jnp.asarray(sizes, jnp.float32), jnp.arange(len(sizes))
    weights = np.asarray(trial.once(jax.vmap(weight), examples, positions), np.float64)
    return weights / weights.sum() if weights.sum() > 0 else None
