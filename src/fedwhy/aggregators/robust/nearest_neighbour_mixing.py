"""Nearest-neighbour mixing (NNM): a rule is given the mean of each update and its neighbours.

Allouah, Farhadkhani, Guerraoui, Gupta, Pinot and Stephan, "Fixing by Mixing: A Recipe for Optimal
Byzantine ML under Heterogeneity", AISTATS 2023, Algorithm 2.

    y_i = mean of the n - f updates nearest to u_i, itself among them
    aggregate = rule(y_1, ..., y_n)
"""

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Stack
from fedwhy.aggregators.robust.distances import neighbours
from fedwhy.aggregators.robust.rule import check_stacks, cleared, mean_of, mean_over
from fedwhy.federated import trees
from fedwhy.parameters import CountOrZero, checked
from fedwhy.recipe import recorded


@recorded
@checked
def nearest_neighbour_mixing(rule: Aggregator, *, byzantine: CountOrZero = 1) -> Aggregator:
    """`rule`, such as `median()`, on the mean of each update's `n - byzantine` nearest ones.

    It needs `2 byzantine + 1` messages, and those that the rule needs. Measures `mixed`, how far
    mixing moved a message, on average. Raises `ParameterError` for a rule that does not see every
    message, or is `attacked` itself.
    """
    check_stacks("nearest_neighbour_mixing", rule)

    def decode(stack: Stack, state, key: jax.Array) -> Decoded:
        rows, sent, _ = cleared(stack)
        near = neighbours(rows, sent)
        others = jnp.arange(len(sent)) < sent.sum() - byzantine - 1
        nearest = jax.vmap(lambda row: jnp.zeros_like(sent).at[row].set(others))(near.position)
        mixed = (nearest | jnp.eye(len(sent), dtype=bool)) & sent
        means = mean_of(mixed, rows)
        decoded = rule.decode(stack._replace(encoded=means), state, key)
        moved = mean_over(sent, jax.vmap(trees.norm)(trees.subtract(means, stack.encoded)))
        return decoded._replace(measured={**decoded.measured, "mixed": moved})

    least = max(rule.least, 2 * byzantine + 1)
    return rule._replace(name=f"nearest-neighbour mixing, {rule.name}", decode=decode, least=least)
