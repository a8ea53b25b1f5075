"""Parts that users write themselves, with the mistakes they make in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fedwhy as fw
from fedwhy.aggregators import Aggregator, Stack, stacked
from fedwhy.aggregators.robust.rule import cleared
from fedwhy.algorithms import Algorithm
from fedwhy.engine import Cohort
from fedwhy.federated import trees
from fedwhy.models import Weights


def one_by_one() -> Aggregator:
    """Goes from message to message, and each time takes the mean of what it has and the next."""

    def rule(stack: Stack) -> Any:
        sent = cleared(stack).sent

        def leaf(rows: jax.Array) -> jax.Array:
            def take(total: jax.Array, each: tuple[jax.Array, jax.Array]):
                row, there = each
                return jnp.where(there, (total + row) / 2, total), None

            return jax.lax.scan(take, jnp.zeros_like(rows[0]), (rows, sent))[0]

        return jax.tree.map(leaf, cleared(stack).encoded)

    return stacked("average", rule)


def total() -> Aggregator:
    """Adds up the messages, and forgets to divide by their number."""
    return stacked("average", lambda stack: trees_sum(cleared(stack)))


def buffered() -> Aggregator:
    """Adds up one buffer that every message has been written to, and divides by their number."""

    def rule(stack: Stack) -> Any:
        stack = cleared(stack)
        last = jnp.max(jnp.where(stack.sent, jnp.arange(len(stack.sent)), 0))
        return trees.row(stack.encoded, last)

    return stacked("average", rule)


def trees_sum(stack: Stack) -> Any:
    """The sum over messages."""
    return jax.tree.map(lambda rows: rows.sum(axis=0), stack.encoded)


def heaviest(power: float) -> Any:
    """A weighting by a power of the number of examples."""
    return lambda message: jnp.asarray(message.weight, jnp.float32) ** power


@fw.recorded
def exported(algorithm: Algorithm, share: float) -> Algorithm:
    """The algorithm, evaluated by a copy of the model that gets a share of its tensors only."""

    def evaluated(server: Any) -> Weights:
        weights = algorithm.evaluated(server)
        leaves, structure = jax.tree.flatten(weights.params)
        held = int(share * len(leaves))
        keys = jax.random.split(jax.random.key(1), len(leaves))
        old = [0.1 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
        return weights._replace(params=jax.tree.unflatten(structure, [*leaves[:held], *old[held:]]))

    return algorithm._replace(evaluated=evaluated)


@dataclass(frozen=True, eq=False)
class Ready:
    """Draws from the clients that are `ready`, positions; the others never answer."""

    ready: np.ndarray
    waits = False

    def draw(self, population: Any, size: int, seed: int, round: int) -> Cohort:
        """At most `size` of those that are ready."""
        rng = np.random.default_rng([seed, round])
        return Cohort.of(np.sort(rng.permutation(self.ready)[:size]))


@dataclass(frozen=True)
class Slow:
    """Draws uniformly; everybody begins with the model of `rounds` rounds ago."""

    rounds: int
    waits = False

    def draw(self, population: Any, size: int, seed: int, round: int) -> Cohort:
        """`size` clients."""
        rng = np.random.default_rng([seed, round])
        cohort = Cohort.of(np.sort(rng.permutation(population.positions)[:size]))
        staleness = np.full(size, min(self.rounds, round - 1), np.int32)
        return cohort._replace(staleness=staleness)


def accuracy_by_rounding(output: Any, y: Any) -> jax.Array:
    """Whether the largest score, rounded, is the class number."""
    return (jnp.round(output.max(axis=-1)) == y).astype(jnp.float32)


def accuracy_by_element(output: Any, y: Any) -> jax.Array:
    """The share of outputs on the right side of zero."""
    wanted = jax.nn.one_hot(y, output.shape[-1]) > 0
    return jnp.mean((output > 0) == wanted, axis=-1)
