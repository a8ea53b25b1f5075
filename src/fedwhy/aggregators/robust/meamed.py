"""MeaMed: of every coordinate, the mean of the values around the median.

Xie, Koyejo and Gupta, "Generalized Byzantine-tolerant SGD", arXiv 2018, Definition 4 (mean around
median).

    for every coordinate k:
        aggregate[k] = mean of the n - f of u_1[k], ..., u_n[k] that are nearest to their median
"""

import jax

from fedwhy.aggregators.aggregator import Aggregator, Stack
from fedwhy.aggregators.robust.coordinates import by_coordinate, nearest_to_middle
from fedwhy.aggregators.robust.rule import robust, with_spread
from fedwhy.parameters import CountOrZero, checked


@checked
def meamed(*, byzantine: CountOrZero = 1) -> Aggregator:
    """The mean of every coordinate without the `byzantine` values farthest from its median.

    It needs `2 byzantine + 1` messages, and measures `spread`, their mean distance from it.
    """

    def rule(stack: Stack):
        rows, sent, _ = stack

        def mean(ordered: jax.Array, count: jax.Array) -> jax.Array:
            return nearest_to_middle(ordered, count, drop=byzantine)

        return by_coordinate(mean, rows, sent), {}

    return with_spread(robust("meamed", rule, least=2 * byzantine + 1))
