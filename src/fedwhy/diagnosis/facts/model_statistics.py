"""`Statistics`: how a model normalises by the batch, and what it remembers of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.diagnosis.facts.model_passes import Pass
from fedwhy.models import Weights

PyTree = Any
NEAR = 1e-3
# Averages are followed so many steps ahead, until this share of the way is gone.
STRIDES = (1.0, 1e1, 1e2, 1e3, 1e4, 1e5)
CLEAR = 0.05


class Statistics(NamedTuple):
    """A model whose training output of an example depends on the others of its batch.

    - `kept`: whether it has state that training changes (moving statistics)
    - `momentum`: the share of the old state that a step leaves, or None where none is kept
    - `gap`: how far evaluation is from training on the same batch, relative to the outputs
    - `between`: how much the statistics of clients' batches differ, and `within`: those of mixed
      batches of the same size; root mean squares over clients, relative to the statistics' norm
    """

    kept: bool
    momentum: float | None
    gap: float
    between: float
    within: float


def statistics(
    train: Callable[[Weights, Any, Any], Pass],
    weights: Weights,
    batch: tuple[Any, Any],
    evaluated: PyTree,
    clients: Sequence[tuple[Any, Any]],
    mixed: Sequence[tuple[Any, Any]],
) -> Statistics | None:
    """What becomes of `batch`, of batches of single clients and of mixed ones, all of one size.

    `evaluated` is the output of `batch` in evaluation. None for a model whose outputs do not
    depend on the batch.
    """
    x, y = batch
    half = len(y) // 2
    twice = jax.tree.map(lambda a: np.concatenate([a[:half], a[: len(a) - half]]), x)
    first, other = train(weights, x, y), train(weights, twice, y)
    if apart(rows(first.output, half), rows(other.output, half)) < NEAR:
        return None
    old, new = vector(weights.state), vector(first.state)
    gap, moved = apart(first.output, evaluated), float(np.linalg.norm(new - old))
    if moved == 0:
        return Statistics(False, None, gap, 0.0, 0.0)

    def step(times: float) -> float:
        """How far a step goes from where so many first steps, end to end, would have led."""
        far = jax.tree.map(lambda a, b: ahead(a, b, times), weights.state, first.state)
        after = train(Weights(weights.params, far), x, y).state
        return float(np.linalg.norm(vector(after) - vector(far)))

    momentum = share_kept(step, moved)

    def seen(batches: Sequence[tuple[Any, Any]]) -> float:
        """The spread of the batches' own statistics, which a step mixes into the state."""
        states = np.stack([vector(train(weights, *part).state) for part in batches])
        own = old + (states - old) / max(1 - momentum, 1e-6)
        centre = own.mean(axis=0)
        spread = np.linalg.norm(own - centre, axis=1)
        return float(np.sqrt(np.mean(spread**2)) / max(np.linalg.norm(centre), 1e-30))

    return Statistics(True, momentum, gap, seen(clients), seen(mixed))


def share_kept(step: Callable[[float], float], moved: float) -> float:
    """The momentum `m` of averages that a first step has moved by `moved`, from 0 to 1.

    Going `k` first steps along and taking one more from there moves them by `moved` times
    `1 - k (1 - m)`. What is near 1 is told by a large k only: float32 knows a step of a hundred
    thousandth of a value to a percent.
    """
    for times in STRIDES:
        gone = 1 - step(times) / moved
        if gone > CLEAR:
            return max(0.0, 1 - gone / times)
    return 1.0


def ahead(old: Any, new: Any, times: float) -> Any:
    """So many times as far from `old` as `new` is; whole numbers stay."""
    if not np.issubdtype(np.asarray(old).dtype, np.floating):
        return old
    return np.asarray(old + (new - old) * times, np.asarray(old).dtype)


def apart(a: PyTree, b: PyTree) -> float:
    """The distance between two trees, relative to the norm of the first."""
    first, second = vector(a), vector(b)
    return float(np.linalg.norm(first - second) / max(np.linalg.norm(first), 1e-12))


def rows(tree: PyTree, count: int) -> PyTree:
    """The first so many rows of every leaf."""
    return jax.tree.map(lambda a: a[:count], tree)


def vector(tree: PyTree) -> np.ndarray:
    """All floating leaves as one vector."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    floats = [a.ravel() for a in leaves if np.issubdtype(a.dtype, np.floating)]
    return np.concatenate([np.zeros(0), *floats])
