"""`Batching` and `batch_rows`."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedwhy.data import Batching, batch_rows
from fedwhy.errors import ParameterError

ALL_SIZES = np.array([5, 1, 30, 12, 7, 100, 2, 20])
ALL_OFFSETS = np.cumsum(ALL_SIZES) - ALL_SIZES

batchings = st.builds(
    Batching,
    batch_size=st.integers(1, 13),
    epochs=st.integers(1, 4),
    shuffle=st.booleans() | st.integers(1, 12),
    drop_last=st.booleans(),
) | st.builds(
    Batching,
    batch_size=st.integers(1, 13),
    steps=st.integers(1, 9),
    shuffle=st.booleans() | st.integers(1, 12),
    drop_last=st.booleans(),
)
cohorts = st.lists(st.integers(0, len(ALL_SIZES) - 1), unique=True, max_size=len(ALL_SIZES)).map(
    lambda cohort: np.array(cohort, np.int64)
)


def rows_of(batching, cohort, seed=0, round=0):
    cohort = np.asarray(cohort, np.int64)
    return batch_rows(batching, ALL_SIZES[cohort], ALL_OFFSETS[cohort], cohort, seed, round)


def rows_by_client(batching, cohort, seed=0, round=0):
    """Each client's batches `[steps, batch]`, by position."""
    rows, slot, _ = rows_of(batching, cohort, seed, round)
    return {int(client): rows[slot == i] for i, client in enumerate(cohort)}


@given(batchings, cohorts)
def test_steps_of_a_client_are_contiguous_in_order_and_as_many_as_announced(batching, cohort):
    rows, slot, step = rows_of(batching, cohort)
    counts = batching.steps_for(ALL_SIZES[cohort])
    assert rows.shape == (counts.sum(), batching.batch_size)
    assert rows.dtype == slot.dtype == step.dtype == np.int32
    assert slot.tolist() == np.repeat(np.arange(len(cohort)), counts).tolist()
    assert step.tolist() == [i for count in counts for i in range(count)]


@given(batchings, cohorts, st.integers(0, 2**70), st.integers(0, 1000))
def test_each_epoch_visits_each_example_once(batching, cohort, seed, round):
    for client, batches in rows_by_client(batching, cohort, seed, round).items():
        size, first = ALL_SIZES[client], ALL_OFFSETS[client]
        per_epoch = int(batching.steps_per_epoch(size[None])[0])
        for start in range(0, len(batches), per_epoch or 1):
            epoch = batches[start : start + per_epoch]
            real = epoch[epoch >= 0]
            whole = per_epoch == len(epoch) and not batching.drop_last
            assert len(real) == (size if whole else min(size, len(epoch) * batching.batch_size))
            assert len(set(real)) == len(real)
            assert ((first <= real) & (real < first + size)).all()
            if not batching.shuffle:
                assert real.tolist() == list(range(first, first + len(real)))


@given(batchings, cohorts)
def test_only_the_last_batch_of_an_epoch_is_padded_and_only_at_its_end(batching, cohort):
    rows, slot, step = rows_of(batching, cohort)
    padded = rows < 0
    assert (np.diff(padded.astype(int), axis=1) >= 0).all()
    per_epoch = batching.steps_per_epoch(ALL_SIZES[cohort])[slot]
    last = step % np.maximum(per_epoch, 1) == per_epoch - 1
    assert not padded[~last].any()
    assert not (batching.drop_last and padded.any())


@given(batchings, cohorts, st.integers(0, 10))
def test_order_does_not_depend_on_who_else_takes_part(batching, cohort, seed):
    together = rows_by_client(batching, cohort, seed)
    everyone = rows_by_client(batching, np.arange(len(ALL_SIZES))[::-1], seed)
    for client, batches in together.items():
        assert np.array_equal(batches, everyone[client])
        assert np.array_equal(batches, rows_by_client(batching, [client], seed)[client])


def test_more_epochs_than_fit_in_one_sorting_key_come_in_the_same_order(monkeypatch):
    batching, everyone = Batching(3, epochs=4), np.arange(len(ALL_SIZES))
    expected = rows_of(batching, everyone)[0]
    monkeypatch.setattr("fedwhy.data.keyed.MOST_GROUPS", 3)
    assert np.array_equal(rows_of(batching, everyone)[0], expected)


def test_order_changes_with_seed_round_client_and_epoch():
    batching = Batching(100, epochs=2)
    sizes, starts = np.full(2, 100), np.zeros(2, np.int64)
    orders = [
        order.tobytes()
        for seed in (0, 1)
        for round in (0, 1)
        for order in batch_rows(batching, sizes, starts, np.arange(2), seed, round)[0]
    ]
    assert len(set(orders)) == len(orders) == 16


def test_every_order_of_three_examples_is_equally_likely():
    clients = np.arange(60_000)
    sizes = np.full(len(clients), 3)
    orders = batch_rows(Batching(3, epochs=1), sizes, 0 * sizes, clients, 0, 0)[0]
    counts = np.unique(orders @ [100, 10, 1], return_counts=True)[1]
    assert len(counts) == 6
    # Chi-squared with 5 degrees of freedom is above 20.5 once in a thousand seeds.
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 20.5


def orders_through_buffer(items, buffer):
    """Every order in which a shuffle buffer gives out `items`, with its probability."""

    def go_on(held, coming, given, probability):
        if not held:
            yield given, probability
        for i, item in enumerate(held):
            left = [*held[:i], *coming[:1], *held[i + 1 :]]
            yield from go_on(left, coming[1:], (*given, item), probability / len(held))

    found: dict[tuple[int, ...], float] = {}
    for order, probability in go_on(items[:buffer], items[buffer:], (), 1.0):
        found[order] = found.get(order, 0) + probability
    return found


@pytest.mark.parametrize("buffer", [2, 3])
def test_orders_through_a_shuffle_buffer_are_as_likely_as_there(buffer):
    clients, size = np.arange(40_000), 5
    sizes = np.full(len(clients), size)
    batching = Batching(size, epochs=1, shuffle=buffer)
    orders = batch_rows(batching, sizes, 0 * sizes, clients, 0, 0)[0]
    expected = orders_through_buffer(list(range(size)), buffer)
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert {tuple(order) for order in found.tolist()} == expected.keys()
    mean = np.array([expected[tuple(order)] for order in found.tolist()]) * len(clients)
    # Chi-squared: its mean is one less than the number of orders, its variance twice that.
    free = len(expected) - 1
    assert ((counts - mean) ** 2 / mean).sum() < free + 4 * np.sqrt(2 * free)


def test_shuffle_buffer_for_one_or_for_all_is_none_or_a_whole_shuffle():
    for buffer, same in ((1, False), (100, True), (5000, True)):
        with_buffer = rows_of(Batching(7, epochs=2, shuffle=buffer), np.arange(8))[0]
        assert np.array_equal(
            with_buffer, rows_of(Batching(7, epochs=2, shuffle=same), range(8))[0]
        )


def test_unshuffled_rows_are_known():
    rows, slot, step = rows_of(Batching(2, epochs=1, shuffle=False), [0, 1])
    assert rows.tolist() == [[0, 1], [2, 3], [4, -1], [5, -1]]
    assert slot.tolist() == [0, 0, 0, 1]
    assert step.tolist() == [0, 1, 2, 0]


def test_steps_walk_through_epochs_again_and_again():
    rows = rows_of(Batching(2, steps=5, shuffle=False), [0])[0]
    assert rows.tolist() == [[0, 1], [2, 3], [4, -1], [0, 1], [2, 3]]
    rows = rows_of(Batching(2, steps=5, shuffle=False, drop_last=True), [0])[0]
    assert rows.tolist() == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]


@pytest.mark.parametrize("length", [{"epochs": 2}, {"steps": 3}])
def test_client_smaller_than_a_dropped_batch_takes_no_step(length):
    batching = Batching(10, drop_last=True, **length)
    assert batching.steps_for(np.array([9, 10])).tolist() == [0, next(iter(length.values()))]
    assert rows_of(batching, [0, 1])[0].shape == (0, 10)


def test_a_round_is_planned_in_milliseconds():
    def fastest(clients, size, batch_size):
        sizes = np.full(clients, size)
        best = np.inf
        for _ in range(10):
            start = time.perf_counter()
            batch_rows(Batching(batch_size, epochs=1), sizes, sizes * 0, np.arange(clients), 0, 0)
            best = min(best, time.perf_counter() - start)
        return best

    # A few times what is measured on an idle machine: 0.2 ms, 0.4 ms and 20 ms.
    assert fastest(100, 30, 10) < 2e-3
    assert fastest(10, 600, 10) < 4e-3
    assert fastest(10_000, 30, 10) < 0.2


REFUSED = {
    "neither": ({}, "steps: give either epochs or steps, given neither"),
    "both": ({"epochs": 1, "steps": 1}, "steps: give either epochs or steps, given both"),
    "no epochs": ({"epochs": 0}, "epochs: expected a whole number of at least 1, given 0"),
    "half a step": ({"steps": 0.5}, "steps: expected a whole number of at least 1, given 0.5"),
    "no buffer": ({"epochs": 1, "shuffle": 0}, "shuffle: expected a whole number of at least 1"),
    "batch size": ({"epochs": 1, "batch_size": 0}, "batch_size: expected a whole number of"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_impossible_batching_is_refused(fault):
    options, message = REFUSED[fault]
    with pytest.raises(ParameterError) as error:
        Batching(**{"batch_size": 2} | options)
    assert message in str(error.value)
