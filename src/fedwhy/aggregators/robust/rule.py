"""What robust rules share: they see every message, and each counts alike."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Stack, stacked
from fedwhy.errors import ParameterError
from fedwhy.federated import trees

PyTree = Any

# Messages, float32 and zero where there is none, to an aggregate and what was measured.
Rule = Callable[[Stack], tuple[PyTree, dict[str, jax.Array]]]


def robust(name: str, rule: Rule, *, least: int = 1) -> Aggregator:
    """The aggregate that `rule` makes of at least `least` messages."""

    def decode(stack: Stack, state: PyTree, key: jax.Array) -> Decoded:
        aggregate, measured = rule(cleared(stack))
        return Decoded(aggregate, state, measured)

    return stacked(name, cleared)._replace(decode=decode, least=least)


def cleared(stack: Stack) -> Stack:
    """The messages as float32, and zeros where there is none, whatever was there."""
    return stack._replace(encoded=keep(stack.sent, trees.as_float32(stack.encoded)))


def keep(chosen: jax.Array, rows: PyTree, other: float = 0.0) -> PyTree:
    """`rows` where bool `chosen` `[slots]` holds, `other` elsewhere, whatever was there."""
    return jax.tree.map(
        lambda leaf: jnp.where(chosen.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, other), rows
    )


def combine(weights: jax.Array, rows: PyTree) -> PyTree:
    """Sums of rows, weighted by `weights` `[..., slots]`, with its other axes first."""
    return jax.tree.map(
        lambda leaf: jnp.tensordot(weights, leaf, 1, precision=jax.lax.Precision.HIGHEST), rows
    )


def mean_of(chosen: jax.Array, rows: PyTree) -> PyTree:
    """The mean of the rows where bool `chosen` `[..., slots]` holds; zero if there is none."""
    return combine(chosen / jnp.maximum(chosen.sum(axis=-1, keepdims=True), 1), rows)


def norms_from(centre: PyTree, rows: PyTree) -> jax.Array:
    """The Euclidean distance of every row from `centre`, over all leaves, float32 `[slots]`."""
    return jax.vmap(lambda row: trees.norm(trees.subtract(row, centre)))(rows)


def mean_over(sent: jax.Array, values: jax.Array) -> jax.Array:
    """The mean of `values` `[slots]` where bool `sent` holds; zero if there is none."""
    return jnp.where(sent, values, 0.0).sum() / jnp.maximum(sent.sum(), 1)


def with_spread(rule: Aggregator) -> Aggregator:
    """`rule`, which measures `spread` as well, the mean distance of messages from the aggregate.

    They are read as they came: messages that are cleared for it would be another copy of them all.
    """

    def decode(stack: Stack, state: PyTree, key: jax.Array) -> Decoded:
        decoded = rule.decode(stack, state, key)
        rows = trees.as_float32(stack.encoded)
        spread = mean_over(stack.sent, norms_from(decoded.aggregate, rows))
        return decoded._replace(measured={**decoded.measured, "spread": spread})

    return rule._replace(decode=decode)


def check_stacks(wrapper: str, rule: Aggregator) -> None:
    """Raises `ParameterError` unless `rule` sees every message as it was sent, none attacked."""
    if not rule.stacks or rule.traits.linked:
        raise ParameterError(
            "rule",
            f"{wrapper} mixes messages for a rule that sees every one of them, such as median() or "
            f"krum(); given {rule.name}. Links come before it: chain(clip(1.0), {wrapper}(...))",
        )
    if rule.traits.attacked:
        raise ParameterError(
            "rule",
            f"an attack replaces what clients send, and {rule.name} would be given mixtures of "
            f"that; put it around the whole: attacked({wrapper}(...), ...)",
        )
