"""How far a cohort's messages agree, from a few norms: no stack of them is ever held.

With what each weighs in a mean, w, and updates u of the parameters,

    |sum w u|^2 = sum w^2 |u|^2 + sum over pairs of w w' |u| |u'| cos(u, u')

tells the mean cosine between two of them, each pair counted by `w w' |u| |u'|`. The model state
that they send lies from its mean, in the square, `sum w |s|^2 / sum w - |mean s|^2`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import weighted
from fedwhy.algorithms import Algorithm, ServerState, Update
from fedwhy.federated import trees

PyTree = Any


class Part(NamedTuple):
    """A message's part in the mean, float32 scalars; of several messages, `[n]`.

    `weight` w; `update`, the norm `|w u|` of its parameters; `state`, that of its model state.
    """

    weight: jax.Array
    update: jax.Array
    state: jax.Array


class Whole(NamedTuple):
    """The same of the sum over all messages; `centre` is the norm of the mean state they sent."""

    weight: jax.Array
    update: jax.Array
    state: jax.Array
    centre: jax.Array


def part_of(algorithm: Algorithm, encoded: PyTree, server: ServerState) -> Part | None:
    """What a message, or a sum of messages, is of a mean; None where there is no one mean."""
    sent = weighted(encoded)
    if sent is None or algorithm.clustered or not isinstance(sent.update, Update):
        return None
    params, state = sent.update.weights
    return Part(sent.weight, trees.norm(params), trees.norm(statistics(state, server)))


def whole_of(algorithm: Algorithm, total: PyTree, server: ServerState) -> Whole | None:
    """What the sum `total` of all messages is, of clients who began with what `server` has."""
    sent, sums = weighted(total), part_of(algorithm, total, server)
    if sent is None or sums is None:
        return None
    moved = statistics(sent.update.weights.state, server)
    mean = trees.scale(moved, 1.0 / jnp.where(sent.weight > 0, sent.weight, 1.0))
    before = statistics(server.weights.state, server) if moved else []
    return Whole(*sums, trees.norm(trees.add(before, mean)))


def statistics(state: PyTree, server: ServerState) -> list[jax.Array]:
    """The leaves of `state` that are statistics, of which there are means; counters are none."""
    like = server.weights.state
    if jax.tree.structure(state) != jax.tree.structure(like):
        return []
    pairs = zip(jax.tree.leaves(state), jax.tree.leaves(like), strict=True)
    return [leaf for leaf, was in pairs if jnp.issubdtype(was.dtype, jnp.inexact)]


def mean_cosine(parts: Part, whole: Whole) -> float | None:
    """The mean cosine between two updates, by the parts `[n]` of all messages.

    None where it has no meaning: of one message, of updates that are zero, and of numbers that are
    not finite.
    """
    norms = np.asarray(parts.update, np.float64)
    if len(norms) < 2 or not np.isfinite([*norms, whole.update]).all():
        return None
    squares = np.sum(norms**2)
    pairs = np.sum(norms) ** 2 - squares
    if pairs <= 1e-6 * squares:
        return None
    return float(np.clip((float(whole.update) ** 2 - squares) / pairs, -1.0, 1.0))


def state_spread(parts: Part, whole: Whole) -> float | None:
    """How far messages' states lie from their mean (root mean square), over the mean's norm.

    They weigh as in the mean. None where there is no state, or none has changed.
    """
    weight, centre = np.asarray(parts.weight, np.float64), float(whole.centre)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(weight > 0, np.square(parts.state, dtype=np.float64) / weight, 0.0)
    total = each.sum()
    if not (total > 0 and centre > 0 and math.isfinite(total) and math.isfinite(centre)):
        return None
    square = total / weight.sum() - (float(whole.state) / weight.sum()) ** 2
    return math.sqrt(max(square, 0.0)) / centre
