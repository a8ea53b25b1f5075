"""Measures of skew, against their definitions in SciPy and NumPy."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats as scipy_stats
from scipy.spatial.distance import cityblock, jensenshannon

from fedwhy.data import FederatedDataset, moments
from fedwhy.data.skew import effective_clients, feature_shift, label_measures, target_distance

rng = np.random.default_rng(0)
SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def offsets_of(sizes) -> Any:
    return np.concatenate([[0], np.cumsum(sizes)])


def by_client(values, offsets):
    return np.split(values, offsets[1:-1])


def test_label_measures_are_those_of_scipy(monkeypatch):
    monkeypatch.setattr("fedwhy.data.skew.BLOCK", 40)  # Eight clients at a time.
    counts = rng.integers(0, 9, (50, 5)) * rng.integers(0, 2, (50, 5)) + np.eye(50, 5, dtype=int)
    counts[:, 0] += 1
    population = counts.sum(axis=0)
    measures = label_measures(counts)
    for client, held in enumerate(counts):
        shares, all_shares = held / held.sum(), population / population.sum()
        expected = {
            "classes": np.count_nonzero(held),
            "label_entropy": scipy_stats.entropy(held, base=2),
            "jensen_shannon_distance": jensenshannon(held, population, base=2),
            "earth_movers_distance": cityblock(shares, all_shares) / 2,
        }
        found = {name: values[client] for name, values in measures.items()}
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("clients", [2, 10])
def test_one_label_each_is_as_skewed_as_can_be(clients):
    measures = label_measures(5 * np.eye(clients, dtype=int))
    mixed = np.full(clients, 1 / clients)
    mixed[0] += 1
    distance = jensenshannon(np.eye(clients)[0], np.full(clients, 1 / clients), base=2)
    assert measures["label_entropy"].tolist() == [0] * clients
    assert measures["earth_movers_distance"] == pytest.approx(1 - 1 / clients)
    assert measures["jensen_shannon_distance"] == pytest.approx(distance)


def test_clients_like_the_population_have_no_skew():
    sizes = np.array([1, 2, 7])
    measures = label_measures(sizes[:, None] * np.array([[3, 1, 4, 0]]))
    assert measures["earth_movers_distance"].tolist() == [0, 0, 0]
    assert measures["jensen_shannon_distance"] == pytest.approx([0, 0, 0], abs=1e-7)
    assert target_distance(np.tile([0.5, -1, 7], 10), offsets_of([3, 9, 18])) == pytest.approx(
        [0, 0, 0], abs=1e-12
    )
    x = np.tile(rng.normal(size=(4, 3)), (5, 1))
    shift = feature_shift(x, offsets_of([8, 12]))
    assert shift["mean_shift"] == pytest.approx([0, 0], abs=1e-12)


def test_without_a_counted_label_nothing_is_said():
    measures = label_measures(np.array([[0, 0], [2, 1]]))
    for values in measures.values():
        assert np.isnan(values).tolist() == [True, False]


def test_effective_clients():
    assert effective_clients(np.full(7, 30)) == pytest.approx(7)
    assert effective_clients(np.array([1, 10**9])) == pytest.approx(1)
    assert effective_clients(np.array([1, 2, 3])) == pytest.approx(36 / 14)


@settings(max_examples=50)
@given(st.data(), SIZES)
def test_target_distance_is_that_of_scipy(data, sizes):
    # Few different values, so that many are tied.
    values = st.integers(-3, 3) if data.draw(st.booleans()) else st.floats(-1e3, 1e3)
    y = np.array(data.draw(st.lists(values, min_size=sum(sizes), max_size=sum(sizes))), float)
    offsets = offsets_of(sizes)
    deviation = y.std() or 1  # Squares of tiny values vanish.
    expected = [
        scipy_stats.wasserstein_distance(part, y) / deviation for part in by_client(y, offsets)
    ]
    assert target_distance(y, offsets) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_targets_that_are_not_finite_are_left_out():
    y = np.array([1.0, np.nan, 2.0, np.inf, 5.0])
    distance = target_distance(y, offsets_of([2, 1, 1, 1]))
    whole = np.array([1.0, 2.0, 5.0])
    expected = [scipy_stats.wasserstein_distance([v], whole) / whole.std() for v in whole]
    assert np.isnan(distance).tolist() == [False, False, True, False]
    assert distance[[0, 1, 3]] == pytest.approx(expected)


def shift_by_definition(x, offsets):
    """Every client alone, as the docstring has it."""
    x = x.reshape(len(x), -1)
    x = x[:, np.ptp(x, axis=0) > 0]
    for part in by_client(x, offsets):
        away = (part.mean(axis=0) - x.mean(axis=0)) / x.std(axis=0)
        mean_shift = np.linalg.norm(away) / np.sqrt(x.shape[1])
        varies = len(part) > 1 and np.ptp(part, axis=0).any()
        ratio = (part.var(axis=0, ddof=1) / x.var(axis=0, ddof=1)).mean() if varies else np.nan
        yield mean_shift, np.log2(ratio)


@settings(max_examples=50)
@given(st.data(), SIZES, st.sampled_from([4, 1 << 18]))
def test_feature_shift_is_that_of_each_client_alone(data, sizes, block):
    values = st.integers(-5, 5) if data.draw(st.booleans()) else st.floats(-1e3, 1e3, width=32)
    x = data.draw(arrays(np.float32, (sum(sizes), 2, 2), elements=values))
    x[:, 0, 0] = 0.1  # Does not vary.
    x[:, 1, 1] = np.arange(len(x))
    before, moments.BLOCK = moments.BLOCK, block
    try:
        shift = feature_shift(x, offsets_of(sizes))
    finally:
        moments.BLOCK = before
    if len(x) == 1:
        assert np.isnan([*shift["mean_shift"], *shift["variance_shift"]]).all()
        return
    expected = np.array(list(shift_by_definition(x.astype(np.float64), offsets_of(sizes))))
    np.testing.assert_allclose(shift["mean_shift"], expected[:, 0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(shift["variance_shift"], expected[:, 1], rtol=1e-5, atol=1e-6)


def test_a_scaled_and_moved_client_is_told_by_how_much():
    x = rng.normal(size=(20_000, 6)).astype(np.float32)
    x[15_000:] = 2 * x[15_000:] + 3
    shift = feature_shift({"a": x[:, :2], "b": x[:, 2:]}, offsets_of([5_000] * 4))
    std = x.std(axis=0, dtype=float).mean()
    assert shift["mean_shift"] == pytest.approx([0.75 / std] * 3 + [2.25 / std], rel=0.02)
    assert np.diff(shift["variance_shift"][2:]) == pytest.approx([2], abs=0.05)


def test_random_clients_are_off_by_chance_alone():
    x = rng.normal(size=(40_000, 8))
    shift = feature_shift(x, offsets_of(np.full(400, 100)))
    assert np.sqrt(np.square(shift["mean_shift"]).mean()) == pytest.approx(0.1, rel=0.05)
    assert shift["variance_shift"].mean() == pytest.approx(0, abs=0.02)


def test_many_clients_are_measured_at_once():
    clients = 200_000
    sizes = rng.integers(1, 4, clients)
    x = rng.random((sizes.sum(), 4), np.float32)
    y = rng.integers(0, 10, len(x)).astype(np.int32)
    data = FederatedDataset(x, y, offsets_of(sizes), np.arange(clients), classes=10)
    start = time.perf_counter()
    stats = data.stats(features=True)
    table = stats.to_dict()
    assert str(stats)
    assert time.perf_counter() - start < 5
    assert len(table["clients"]) == len(table["skew"]["mean_shift"]["clients"]) == 1000
    assert sum(table["size_histogram"]["clients"]) == table["population"]["clients"] == clients
