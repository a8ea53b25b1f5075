"""Averages of the global model over rounds, for any algorithm: training goes on without them.

`ema`: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", SIAM J. Control
and Optimization 1992, with the exponential weights and the bias correction of Kingma and Ba,
"Adam", ICLR 2015, section 3. `swa`: Izmailov et al., "Averaging Weights Leads to Wider Optima and
Better Generalization", UAI 2018, Algorithm 1, over rounds instead of epochs.

    average = (1 - r_t) average + r_t w_t         after every round t
    r_t = (1 - decay) / (1 - decay^t)             (ema: round t - s weighs decay^s)
    r_t = 1 / n for the nth round that counts     (swa: start, start + every, start + 2 every, ...)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.algorithms.algorithm import Algorithm, Round, ServerState
from fedwhy.algorithms.clusters import one_model
from fedwhy.algorithms.recipe import recorded
from fedwhy.federated import trees
from fedwhy.models import Weights
from fedwhy.parameters import BelowOne, Count, checked

PyTree = Any


class Averaged(NamedTuple):
    """What the averaged algorithm remembers, and the average of its weights, float32 or larger."""

    memory: PyTree
    average: Weights


@recorded
@checked
def ema(algorithm: Algorithm, *, decay: BelowOne = 0.9) -> Algorithm:
    """`algorithm`, judged by the exponential moving average of its weights.

    It looks back about `1 / (1 - decay)` rounds; the weights before the first one do not count.
    """
    return _averaged(algorithm, lambda number: (1 - decay) / (1 - decay**number))


@recorded
@checked
def swa(algorithm: Algorithm, *, start: Count = 1, every: Count = 1) -> Algorithm:
    """`algorithm`, judged by the mean of its weights after round `start` and every `every`th since.

    Before `start` it is judged by its weights as they are. With `start` one round before the last
    it is the mean of the last two models, by which the paper of FedExP judges.
    """

    def rate(number: jax.Array) -> jax.Array:
        since = number - start
        counts = since % every == 0
        return jnp.where(since < 0, 1.0, jnp.where(counts, 1 / (since // every + 1), 0.0))

    return _averaged(algorithm, rate)


def _averaged(algorithm: Algorithm, rate: Callable[[jax.Array], jax.Array]) -> Algorithm:
    """`algorithm` judged by an average that moves by `rate(round number)` to its weights.

    Raises `ParameterError` for an algorithm of several models.
    """
    inner = _within(one_model(algorithm, "an average"))

    def init(weights: Weights, population: int) -> ServerState:
        return _outside(algorithm.init(weights, population), trees.as_float32(weights))

    def server(state: ServerState, aggregate: PyTree, round: Round) -> ServerState:
        moved, share = inner.server(state, aggregate, round), rate(round.number)

        def leaf(old: jax.Array, new: jax.Array) -> jax.Array:
            if not jnp.issubdtype(new.dtype, jnp.inexact):
                return new.astype(old.dtype)  # Counters and seeds have no mean.
            return (1 - share) * old + share * new

        average = jax.tree.map(leaf, state.memory.average, moved.weights)
        return moved._replace(memory=moved.memory._replace(average=average))

    def evaluated(state: ServerState) -> Weights:
        return trees.cast(state.memory.average, state.weights)

    return inner._replace(init=init, server=server, evaluated=evaluated)


def _within(algorithm: Algorithm) -> Algorithm:
    """`algorithm` and the exchanges before it, whose memory is one part of `Averaged`."""

    def server(state: ServerState, aggregate: PyTree, round: Round) -> ServerState:
        return _outside(algorithm.server(_inside(state), aggregate, round), state.memory.average)

    return algorithm._replace(
        broadcast=lambda state: algorithm.broadcast(_inside(state)),
        server=server,
        first=algorithm.first and _within(algorithm.first),
    )


def _inside(state: ServerState) -> ServerState:
    return state._replace(memory=state.memory.memory)


def _outside(state: ServerState, average: Weights) -> ServerState:
    return state._replace(memory=Averaged(state.memory, average))


AVERAGES = {f.__name__: f for f in (ema, swa)}
