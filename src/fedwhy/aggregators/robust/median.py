"""Median: of every coordinate, the median over the messages.

Yin, Chen, Kannan and Bartlett, "Byzantine-Robust Distributed Learning: Towards Optimal Statistical
Rates", ICML 2018, Algorithm 1, option I.

    for every coordinate k: aggregate[k] = median of u_1[k], ..., u_n[k]
"""

from fedwhy.aggregators.aggregator import Aggregator, Stack
from fedwhy.aggregators.robust.coordinates import by_coordinate, middle
from fedwhy.aggregators.robust.rule import robust, with_spread


def median() -> Aggregator:
    """The median of every coordinate; of an even number of messages, the mean of the middle two.

    Measures `spread`, the mean distance of messages from it.
    """

    def rule(stack: Stack):
        rows, sent, _ = stack
        return by_coordinate(middle, rows, sent), {}

    return with_spread(robust("median", rule))
