"""Bucketing: a rule is given the means of random groups of updates.

Karimireddy, He and Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing", ICLR
2022, Algorithm 1.

    pi = random permutation of the n updates
    y_b = mean of u_pi(s b - s + 1), ..., u_pi(s b), for b = 1, ..., ceil(n / s)
    aggregate = rule(y_1, y_2, ...)

The last bucket has what is left. Honest updates that differ have means that differ less. A bucket
with one Byzantine update in it is Byzantine as a whole, so the rule must stand as many among fewer.
"""

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Stack
from fedwhy.aggregators.robust.rule import check_stacks, cleared, mean_of
from fedwhy.parameters import Count, checked
from fedwhy.recipe import recorded


@recorded
@checked
def bucketing(size: Count, rule: Aggregator) -> Aggregator:
    """`rule`, such as `krum()`, on the means of random buckets of `size` updates.

    It needs `size (m - 1) + 1` messages where the rule needs m, and measures `buckets`. Raises
    `ParameterError` for a rule that does not see every message, or is `attacked` itself.
    """
    check_stacks("bucketing", rule)

    def decode(stack: Stack, state, key: jax.Array) -> Decoded:
        at_random, inner = jax.random.split(key)
        rows, sent, position = cleared(stack)
        drawn = jnp.where(sent, jax.vmap(uniform, (None, 0))(at_random, position), 2.0)
        bucket = jnp.argsort(jnp.argsort(drawn)) // size
        buckets = jnp.arange(-(-len(sent) // size))
        members = (buckets[:, None] == bucket[None, :]) & sent[None, :]
        filled = members.any(axis=1)
        nobody = jnp.full(filled.shape, -1, jnp.int32)  # A bucket has no place in the population.
        means = Stack(mean_of(members, rows), filled, nobody)
        decoded = rule.decode(means, state, inner)
        return decoded._replace(measured={**decoded.measured, "buckets": filled.sum() * 1.0})

    least = size * (rule.least - 1) + 1
    return rule._replace(name=f"bucketing of {rule.name}", decode=decode, least=least)


def uniform(key: jax.Array, position: jax.Array) -> jax.Array:
    """A number from [0, 1) for the client, whatever lane it was in."""
    return jax.random.uniform(jax.random.fold_in(key, position))
