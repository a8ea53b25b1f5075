"""`FederatedDataset.split`: what clients hold out for testing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedwhy.data import FederatedDataset
from fedwhy.errors import DataError, ParameterError


def clients_of(sizes, classes=3, ids=None, seed=0):
    """Clients of these sizes; x numbers the examples, origin them from the other end."""
    total = int(np.sum(sizes))
    y = np.random.default_rng(seed).integers(0, classes, total)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    ids = np.arange(len(sizes)) if ids is None else ids
    x, origin = np.arange(total), np.arange(total)[::-1]
    return FederatedDataset(x, y, offsets, ids, classes=classes, origin=origin)


@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=30).filter(lambda s: max(s) > 1),
    share=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**31 - 1),
    stratified=st.booleans(),
)
def test_every_example_is_on_one_side_and_each_client_on_both(sizes, share, seed, stratified):
    data = clients_of(sizes)
    train, test = data.split(share, seed, stratified)
    assert sorted([*train.x, *test.x]) == list(range(len(data)))
    assert train.ids.tolist() == data.ids.tolist()
    assert test.ids.tolist() == [id for id, size in enumerate(sizes) if size > 1]
    expected = np.clip(np.rint(share * data.sizes), 1, data.sizes - 1)[data.sizes > 1]
    assert np.array_equal(test.sizes, expected)
    for part in (train, test):
        assert np.array_equal(data.owner[part.x], part.ids[part.owner])
        assert (np.diff(part.x) > 0).all()
        assert np.array_equal(part.y, data.y[part.x])
        assert part.origin is not None
        assert np.array_equal(part.origin, len(data) - 1 - part.x)


@given(st.lists(st.integers(2, 40), min_size=1, max_size=10), st.floats(0.01, 0.99))
def test_a_stratified_split_gives_every_label_its_share(sizes, share):
    data = clients_of(sizes, classes=4)
    _, test = data.split(share, stratified=True)
    whole, part = data.stats().label_counts, test.stats().label_counts
    assert whole is not None and part is not None
    quota = whole * (test.sizes / data.sizes)[:, None]
    assert (np.floor(quota + 1e-9) <= part).all()
    assert (part <= np.ceil(quota - 1e-9)).all()


@pytest.mark.parametrize("stratified", [False, True])
def test_every_example_is_as_likely_to_be_held_out(stratified):
    data = clients_of([7, 12])
    held = np.zeros(19)
    for seed in range(2000):
        held[data.split(0.3, seed, stratified)[1].x] += 1
    # 2 of 7 and 4 of 12, within 4 standard errors of a binomial count.
    share = np.where(data.owner == 0, 2 / 7, 4 / 12)
    assert (np.abs(held / 2000 - share) < 4 * np.sqrt(share * (1 - share) / 2000)).all()


def test_a_client_holds_out_the_same_whoever_else_there_is():
    ids = np.array(["anna", "bert", "a client with a long name"])
    data = clients_of([9, 14, 30], ids=ids)
    alone = FederatedDataset.from_clients({"bert": (data.client("bert").x, data.client("bert").y)})
    for other in (alone, data.select([2, 1]), data.select([1, 0])):
        for ours, theirs in zip(data.split(seed=4), other.split(seed=4), strict=True):
            assert np.array_equal(ours.client("bert").x, theirs.client("bert").x)


def test_a_split_follows_from_its_seed():
    data = clients_of([50, 60])
    first, same, other = (data.split(seed=s)[1].x for s in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_without_an_origin_there_is_none():
    data = FederatedDataset(np.arange(4), np.zeros(4), np.array([0, 4]), np.array(["a"]))
    assert data.split()[0].origin is None


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, "half"])
def test_impossible_shares_are_refused(share):
    with pytest.raises(ParameterError, match="test: expected a finite number > 0 and < 1"):
        clients_of([4]).split(share)


def test_a_split_of_single_examples_is_refused():
    with pytest.raises(DataError, match="every client holds a single example"):
        clients_of([1, 1, 1]).split()


def test_a_stratified_split_needs_class_numbers():
    data = FederatedDataset(np.arange(4), np.zeros(4), np.array([0, 4]), np.array(["a"]))
    with pytest.raises(DataError, match=r"one whole number an example, given y float64\[4\]"):
        data.split(stratified=True)


def test_numbers_of_numpy_are_numbers():
    data = clients_of([5, 6])
    for mine, plain in zip(
        data.split(np.float32(0.5), seed=np.int64(1)),  # type: ignore
        data.split(0.5, seed=1),
        strict=True,
    ):
        assert np.array_equal(mine.x, plain.x)
    with pytest.raises(ParameterError, match="test: expected a finite number"):
        data.split(np.bool_(True))  # type: ignore


@pytest.mark.parametrize(("times", "warned"), [(1, False), (2, True)])
def test_copies_on_both_sides_are_warned_of(caplog, times, warned):
    clients_of([5, 6]).repeat(times).split()
    assert ("split before repeat()" in caplog.text) == warned
