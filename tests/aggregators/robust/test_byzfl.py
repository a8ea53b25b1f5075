"""Robust rules against ByzFL, whose answers `benchmarks/oracles/robust.py` has written down.

That file says where definitions differ; all inputs have two Byzantine clients.
"""

from pathlib import Path

import numpy as np
import pytest
from stacks import SLOTS, aggregate, decoded, stack_of

from fedwhy.aggregators import (
    bucketing,
    centred_clipping,
    geometric_median,
    krum,
    mda,
    meamed,
    median,
    multi_krum,
    nearest_neighbour_mixing,
    trimmed_mean,
)

VECTORS = np.load(Path(__file__).parent / "vectors.npz")
RULES = {
    "median": median(),
    "trimmed_mean": trimmed_mean(byzantine=2),
    "meamed": meamed(byzantine=2),
    "krum": krum(byzantine=1),
    "geometric_median": geometric_median(smoothing=0.1, iterations=3),
    "mda": mda(byzantine=2),
    "nearest_neighbour_mixing": nearest_neighbour_mixing(trimmed_mean(byzantine=0), byzantine=2),
}


def vectors(rule):
    """Inputs `[n, 5]` of a rule, each with ByzFL's answer."""
    for number in range(6):
        yield VECTORS[f"{rule}_{number}_updates"], VECTORS[f"{rule}_{number}_answer"]


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("rule", RULES)
def test_rule_gives_what_byzfl_gives(rule):
    for updates, answer in vectors(rule):
        close(aggregate(RULES[rule], updates), answer)


def test_multi_krum_gives_what_byzfl_gives():
    for updates, answer in vectors("multi_krum"):
        rule = multi_krum(byzantine=1, selected=len(updates) - 2)
        close(aggregate(rule, updates), answer)


def test_buckets_in_the_same_order_give_what_byzfl_gives():
    rule = bucketing(2, median())
    for updates, answer in vectors("bucketing"):
        # The order of the vectors is that of clients at these positions, and of the key 0.
        clients = np.sort(np.random.default_rng(len(updates)).permutation(SLOTS)[: len(updates)])
        close(decoded(rule, stack_of(updates, order=clients), key=0).aggregate, answer)


def test_centred_clipping_gives_what_byzfl_gives_and_remembers():
    rule = centred_clipping(tau=3.0, iterations=2)
    for updates, answer in vectors("centred_clipping"):
        first = decoded(rule, stack_of(updates))
        second = decoded(rule, stack_of(-updates), first.state)
        close(second.aggregate, answer)
