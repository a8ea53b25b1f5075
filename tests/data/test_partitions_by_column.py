"""Partitions by columns: `ByAttribute`, `ByTime` and `Pachinko`'s coarse classes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fedwhy.data import ByAttribute, ByTime, Dataset, Pachinko, partition
from fedwhy.errors import DataError


def test_consecutive_stretches_of_time():
    times = np.random.default_rng(0).permutation(100)
    dates = np.datetime64("2024-01-01") + times
    x = np.arange(100)
    for scheme, when in ((ByTime(), x), (ByTime(times / 7), times), (ByTime(dates), times)):
        data = partition(Dataset(x, x), scheme, 7)
        stretches = [sorted(when[data.client(id).x]) for id in data.ids]
        assert [time for stretch in stretches for time in stretch] == list(range(100))
        assert np.ptp(data.sizes) <= 1


def test_attribute_values_are_one_a_client_where_there_are_as_many():
    site = np.array(list("bacabcaa"))
    data = partition(Dataset(np.arange(8), np.zeros(8)), ByAttribute(site), 3)
    assert [set(site[data.client(id).x]) for id in data.ids] == [{"a"}, {"b"}, {"c"}]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 99))
def test_attribute_values_stay_whole_or_clients_hold_one(values, clients, seed):
    assume(clients <= len(values))
    kinds, sizes = np.unique(values, return_counts=True)
    owner = ByAttribute(values).assign(np.zeros(len(values)), clients, np.random.default_rng(seed))
    pairs = np.unique(np.stack([values, owner]), axis=1)
    if clients <= len(kinds):
        assert len(pairs.T) == len(kinds)
        assert np.ptp(np.bincount(pairs[1], minlength=clients)) <= 1
        return
    assert np.bincount(pairs[1], minlength=clients).tolist() == [1] * clients
    held = np.bincount(owner, minlength=clients)
    holders = np.array([np.sum(pairs[0] == kind) for kind in kinds])
    for kind in kinds:
        assert np.ptp(held[pairs[1][pairs[0] == kind]]) <= 1
    # No move of a client from a value with two or more to another makes the smallest larger.
    for loser in np.flatnonzero(holders > 1):
        for winner in range(len(kinds)):
            moved = holders.copy()
            moved[loser] -= 1
            moved[winner] += 1
            assert np.min(sizes / moved) <= np.min(sizes / holders) + 1e-12


TWELVE: Any = Dataset(np.arange(12), np.arange(12) % 4)
REFUSED = {
    "values missing": (
        lambda: partition(TWELVE, ByAttribute([1, 2]), 2),
        "ByAttribute: 2 values for 12 examples; give one each",
    ),
    "fractional values": (lambda: ByAttribute([0.5]), "values: expected a list of strings or"),
    "times missing": (
        lambda: partition(TWELVE, ByTime([1, 2]), 2),
        "ByTime: 2 times for 12 examples; give one each",
    ),
    "a time missing": (
        lambda: ByTime([0.0, np.nan]),
        "times: that of example 1 is missing; leave the example out",
    ),
    "a date missing": (lambda: ByTime(np.array(["nat"], "M8[D]")), "times: that of example 0 is"),
    "times as text": (lambda: ByTime(["monday"]), "times: expected a list of numbers or of"),
    "fractional coarse classes": (
        lambda: Pachinko(0.1, 10.0, [0.5]),
        "coarse: expected a list of whole numbers",
    ),
    "label without a coarse class": (
        lambda: partition(TWELVE, Pachinko(0.1, 10.0, [0, 0, 1]), 2),
        "knows the coarse classes of labels 0..2, but there is a label 3; give `coarse` one for",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_columns_that_do_not_fit_are_refused(fault):
    build, message = REFUSED[fault]
    with pytest.raises(DataError) as error:
        build()
    assert message in str(error.value)
