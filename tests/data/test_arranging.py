"""Arranging a `FederatedDataset`: filter, take, repeat, map, shuffled."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedwhy.data import FederatedDataset
from fedwhy.data.arrays import to_offsets
from fedwhy.errors import DataError, ParameterError

sizes = st.lists(st.integers(1, 6), min_size=1, max_size=8)


def numbered(sizes) -> FederatedDataset:
    """Examples 0, 1, ... that were in the opposite order before."""
    rows = np.arange(sum(sizes))
    ids = np.array([f"c{i}" for i in range(len(sizes))])
    offsets = to_offsets(np.array(sizes))
    return FederatedDataset({"n": rows}, rows % 3, offsets, ids, classes=3, origin=rows[::-1])


def by_client(data: FederatedDataset) -> dict[str, list[int]]:
    """Each client's numbers; checks that targets and origins went along."""
    assert data.origin is not None
    numbers = data.x["n"]
    np.testing.assert_array_equal(data.y, numbers % 3)
    assert len(set(zip(numbers, data.origin, strict=True))) == len(set(numbers))
    ids = data.ids.tolist()
    return {id: data.client(id).x["n"].tolist() for id in ids}


@given(sizes, st.randoms())
def test_filter_keeps_the_chosen_examples_of_each_client(sizes, random):
    data = numbered(sizes)
    keep = np.array([random.random() < 0.5 for _ in range(len(data))])
    keep[-1] = True
    expected = {
        id: chosen
        for id, numbers in by_client(data).items()
        if (chosen := [n for n in numbers if keep[n]])
    }
    assert by_client(data.filter(keep)) == expected
    assert by_client(data.filter(lambda x, y: keep[x["n"]])) == expected


def test_clients_left_without_examples_are_counted(caplog):
    data = numbered([2, 3, 1]).filter(lambda x, y: x["n"] >= 4)
    assert data.ids.tolist() == ["c1", "c2"]
    assert "data: 1 of 3 clients keep no example and are left out" in caplog.text


@given(sizes, st.integers(1, 7))
def test_take_keeps_the_first_examples(sizes, most):
    expected = {id: numbers[:most] for id, numbers in by_client(numbered(sizes)).items()}
    assert by_client(numbered(sizes).take(most)) == expected


@given(sizes, st.integers(1, 3))
def test_repeat_goes_through_a_client_again(sizes, times):
    expected = {id: numbers * times for id, numbers in by_client(numbered(sizes)).items()}
    assert by_client(numbered(sizes).repeat(times)) == expected


@given(sizes, st.integers(0, 5))
def test_shuffled_reorders_within_clients(sizes, seed):
    data = numbered(sizes)
    mixed = by_client(data.shuffled(seed))
    assert {id: sorted(n) for id, n in mixed.items()} == by_client(data)
    assert mixed == by_client(data.shuffled(seed))


def test_shuffled_makes_every_order_equally_likely():
    clients = numbered([3] * 6000).shuffled(1).x["n"].reshape(-1, 3)
    counts = np.unique(np.argsort(clients, axis=1) @ [100, 10, 1], return_counts=True)[1]
    # Chi-squared with 5 degrees of freedom is above 20.5 once in a thousand seeds.
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5


def test_shuffled_orders_a_client_whatever_the_others_hold():
    data = numbered([9, 8, 7])
    alone = data.select([2, 0]).shuffled(1)
    assert by_client(alone).items() <= by_client(data.shuffled(1)).items()


def test_map_changes_all_examples_at_once():
    data = numbered([2, 3]).map(lambda x, y: ((x["n"] * 2.0, x["n"]), 2 - y))
    np.testing.assert_array_equal(data.x[0], np.arange(5) * 2.0)
    assert (data.y.tolist(), data.classes) == ([2, 1, 0, 2, 1], 3)
    assert data.origin is not None and data.ids.tolist() == ["c0", "c1"]
    assert data.map(lambda x, y: (x, np.eye(3)[y])).classes is None


REFUSED = {
    "no mask": (lambda data: data.filter(np.arange(5)), "expected True or False for each example"),
    "short mask": (lambda data: data.filter([True]), "bool[5], given bool[1]"),
    "nothing kept": (lambda data: data.filter(data.y > 9), "keeps no example of any client"),
    "no examples": (lambda data: data.take(0), "examples: expected a whole number of at least 1"),
    "never": (lambda data: data.repeat(0), "times: expected a whole number of at least 1"),
    "seed": (lambda data: data.shuffled(-1), "seed: expected a whole number of at least 0"),
    "no pair": (lambda data: data.map(lambda x, y: x), "must return (x, y), returned dict"),
    "fewer": (
        lambda data: data.map(lambda x, y: (x["n"][1:], y[1:])),
        "the function returned 4 examples for 5; return one for each",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_arranged_is_refused(fault):
    attempt, message = REFUSED[fault]
    with pytest.raises((DataError, ParameterError)) as error:
        attempt(numbered([2, 3]))
    assert message in str(error.value)


def test_a_million_clients_take_seconds():
    start, clients = time.perf_counter(), 1_000_000
    rows = np.arange(2 * clients)
    data = FederatedDataset(rows, rows, np.arange(0, 2 * clients + 1, 2), np.arange(clients))
    assert data.take(1).shuffled(0).repeat(2).filter(lambda x, y: x % 4 == 0).clients == clients / 2
    assert time.perf_counter() - start < 8
