"""`Dataset`, `FederatedDataset` and `check_values`."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedwhy.data import Dataset, FederatedDataset, check_values
from fedwhy.errors import DataError, ParameterError

X: Any = np.arange(12, dtype=np.float32).reshape(6, 2)
Y: Any = np.array([0, 1, 2, 0, 1, 2], np.int32)


def three_clients(x=X, y=Y, ids: Any = ("a", "b", "c"), offsets: Any = (0, 1, 3, 6), **options):
    return FederatedDataset(x, y, np.array(offsets), np.array(ids), **options)


def test_length_is_the_number_of_examples():
    assert len(Dataset(X, Y)) == len(three_clients()) == 6
    assert three_clients().clients == 3


def test_lists_become_arrays_and_dicts_stay_dicts():
    classes: Any = np.int64(3)
    data = Dataset({"image": X.tolist(), "meta": (Y, X)}, Y.tolist(), classes=classes)
    assert data.x["image"].shape == (6, 2)
    assert isinstance(data.x["meta"], tuple)
    assert type(data.classes) is int


def test_sizes_owner_and_views():
    data = three_clients(classes=3)
    assert data.sizes.tolist() == [1, 2, 3]
    assert data.sizes.dtype == np.int64
    assert data.owner.tolist() == [0, 1, 1, 2, 2, 2]
    assert data.owner.dtype == np.int32
    client = data.client("b")
    assert np.shares_memory(client.x, data.x)
    assert (client.y.tolist(), client.name, client.classes) == ([1, 2], "data/b", 3)
    assert np.shares_memory(data.pooled().x, data.x)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40))
def test_from_arrays_groups_by_id_and_keeps_the_order(column):
    x = np.arange(len(column))
    data = FederatedDataset.from_arrays(x, x, np.array(column))
    assert data.ids.tolist() == sorted(set(column))
    for id in set(column):
        assert data.client(id).x.tolist() == [i for i, owner in enumerate(column) if owner == id]
    assert data.origin is not None
    assert np.array_equal(data.x, data.origin)


def test_from_arrays_takes_strings_held_as_objects():
    column = np.array(["bob", "anna", "bob"], object)
    data = FederatedDataset.from_arrays(np.arange(3), np.arange(3), column)
    assert data.ids.tolist() == ["anna", "bob"]
    assert data.y.tolist() == [1, 0, 2]


def test_from_clients_joins_pytrees_in_the_order_given():
    clients = {7: ({"u": X[:1]}, Y[:1]), 3: ({"u": X[1:]}, Y[1:])}
    data = FederatedDataset.from_clients(clients)
    assert data.ids.tolist() == [7, 3]
    assert np.array_equal(data.x["u"], X)
    assert data.offsets.tolist() == [0, 1, 6]


def test_select_takes_positions_ids_and_masks():
    data = three_clients(origin=np.arange(6) * 10)
    for chosen in (
        data.select([2, 0]),
        data.select(ids=["c", "a"]),
        data.select(data.sizes != 2).select([1, 0]),
    ):
        assert chosen.ids.tolist() == ["c", "a"]
        assert chosen.y.tolist() == [0, 1, 2, 0]
        assert chosen.origin is not None
        assert chosen.origin.tolist() == [30, 40, 50, 0]


def test_ids_are_found_in_any_order():
    ids = np.random.default_rng(0).permutation(100)
    data = FederatedDataset(np.arange(100), np.arange(100), np.arange(101), ids)
    assert data.positions(ids[::-1]).tolist() == list(range(100))[::-1]
    assert data.client(int(ids[42])).y.tolist() == [42]


def test_replace_keeps_the_class_checked():
    assert replace(three_clients(), name="other").name == "other"
    with pytest.raises(DataError):
        replace(three_clients(), y=Y[1:])


BUILT_WRONG = {
    "lengths": (lambda: Dataset({"u": X, "v": X[1:]}, Y), "x['v'] has 5 examples and y has 6"),
    "no examples": (lambda: Dataset(X[:0], Y[:0]), "data holds no examples"),
    "strings": (
        lambda: Dataset(X, np.array(list("abcdef"))),
        "y holds <U1 values; expected numbers",
    ),
    "ragged": (lambda: Dataset([[1], [1, 2]], Y[:2]), "x has rows of different shapes"),
    "a single value": (lambda: Dataset(1.0, Y), "x is a single value"),
    "no arrays": (lambda: Dataset(None, Y), "x holds no arrays"),
    "empty client": (
        lambda: three_clients(offsets=(0, 3, 3, 6)),
        "client 'b' holds no examples; leave it out of the dataset",
    ),
    "empty client of a dict": (
        lambda: FederatedDataset.from_clients({"a": (X, Y), "b": (X[:0], Y[:0])}),
        "client 'b' holds no examples; leave it out of the dataset",
    ),
    "falling offsets": (lambda: three_clients(offsets=(0, 4, 3, 6)), "offsets fall at client 'b'"),
    "offsets past the end": (lambda: three_clients(offsets=(0, 1, 2, 7)), "given 0 to 7"),
    "fractional offsets": (lambda: three_clients(offsets=(0, 1.5, 3, 6)), "offsets: expected a"),
    "number of offsets": (lambda: three_clients(offsets=(0, 6)), "3 client ids need 4 offsets"),
    "same id twice": (lambda: three_clients(ids=("b", "a", "b")), "client id 'b' is given twice"),
    "float ids": (lambda: three_clients(ids=(0.0, 1.0, 2.0)), "ids: expected a list of strings"),
    "missing ids": (
        lambda: FederatedDataset.from_arrays(X, Y, np.array(["a", None] * 3)),
        "client_ids: expected a list of strings or whole numbers, given object[6]",
    ),
    "number of ids": (
        lambda: FederatedDataset.from_arrays(X, Y, [0, 1]),
        "2 client ids for 6 examples",
    ),
    "no clients": (lambda: FederatedDataset.from_clients({}), "data has no clients"),
    "shapes of clients": (
        lambda: FederatedDataset.from_clients({"a": (X, Y), "b": (X[:, :1], Y)}),
        "client 'b': x is float32[1] an example, the first client's is float32[2]",
    ),
    "lengths of a client": (
        lambda: FederatedDataset.from_clients({"a": (X, Y), "b": (X[1:], Y)}),
        "client 'b': x has 5 examples and y has 6",
    ),
    "structures of clients": (
        lambda: FederatedDataset.from_clients({"a": (X, Y), "b": ((X,), Y)}),
        "client 'b': x is PyTreeDef((*,)), the first client's is PyTreeDef(*)",
    ),
    "length of origin": (lambda: three_clients(origin=np.arange(5)), "origin has 5 rows for 6"),
    "unknown client": (
        lambda: three_clients(ids=("anna", "bert", "carl")).client("ana"),
        "data has no client 'ana'; did you mean 'anna'?",
    ),
    "id of another type": (
        lambda: three_clients(ids=(1, 2, 3)).client("2"),
        "data has no client '2'; did you mean 2?",
    ),
    "unknown position": (lambda: three_clients().select([1, 3]), "no client at position 3"),
    "nobody": (lambda: three_clients().select([]), "positions: expected a list of whole numbers"),
    "one client twice": (lambda: three_clients().select([1, 1]), "'b' is given twice"),
}


@pytest.mark.parametrize("fault", BUILT_WRONG)
def test_what_does_not_fit_is_refused(fault):
    build, message = BUILT_WRONG[fault]
    with pytest.raises(DataError) as error:
        build()
    assert message in str(error.value)


@pytest.mark.parametrize("classes", [0, -1, 2.5, "ten"])
def test_impossible_classes_are_refused(classes):
    with pytest.raises(ParameterError, match="classes"):
        Dataset(X, Y, classes=classes)


def with_value(array, row, value):
    array = array.copy()
    array[row] = value
    return array


WRONG_VALUES = {
    "NaN": (three_clients(with_value(X, 4, np.nan)), "client 'c', example 1: x holds nan"),
    "infinite target": (
        three_clients(y=with_value(X, 2, -np.inf)),
        "client 'b', example 1: y holds -inf; repair it or leave the example out",
    ),
    "field": (
        Dataset({"u": X, "v": with_value(X, 5, np.inf)}, Y),
        "data, example 5: x['v'] holds inf",
    ),
    "label too large": (
        three_clients(y=with_value(Y, 5, 9), classes=3),
        "client 'c', example 2: label 9 is outside 0..2; correct it, or set classes",
    ),
    "negative label": (
        three_clients(y=with_value(Y, 0, -1), classes=3),
        "client 'a', example 0: label -1 is outside 0..2",
    ),
    "labels from 1": (Dataset(X, Y + 1, classes=3), "labels seem to count from 1: use y - 1"),
    "label in a sequence": (
        Dataset(X, with_value(np.stack([Y, Y], 1), (3, 1), 7), classes=3),
        "data, example 3: label 7",
    ),
    "float labels": (
        three_clients(y=Y.astype(np.float32), classes=3),
        "y holds float32 values, but with 3 classes labels must be whole numbers 0..2",
    ),
    "whole number past 32 bits": (
        three_clients(with_value(X.astype(np.int64), 4, 2**32 + 5)),
        "client 'c', example 1: x holds 4294967301, which JAX cannot hold as int32",
    ),
    "number past 32 bits": (
        three_clients(y=with_value(X.astype(np.float64), 2, -1e40)),
        "client 'b', example 1: y holds -1e+40, which JAX cannot hold as float32",
    ),
    "complex numbers": (three_clients(X * 1j), "client 'a', example 0: x holds complex numbers"),
    "row before grouping": (
        FederatedDataset.from_arrays(with_value(X, 1, np.nan), Y, [5, 4, 3, 4, 4, 5]),
        "client 4, example 0 (row 1 before grouping by client): x holds nan",
    ),
}


@pytest.mark.parametrize("fault", WRONG_VALUES)
def test_wrong_value_is_named(fault):
    data, message = WRONG_VALUES[fault]
    with pytest.raises(DataError) as error:
        check_values(data)
    assert message in str(error.value)


def test_wrong_value_is_found_in_any_block(monkeypatch):
    monkeypatch.setattr("fedwhy.data.checks.BLOCK", 4)
    for row in range(6):
        with pytest.raises(DataError, match=f"data, example {row}:"):
            check_values(Dataset(with_value(X, row, np.nan), Y))


def test_usable_values_pass():
    check_values(three_clients(classes=3))
    check_values(Dataset(X.astype(np.uint8), X))
    check_values(Dataset((X, Y), Y.astype(np.uint8), classes=3))


def test_ignored_labels_pass_and_are_not_counted():
    data = three_clients(y=with_value(Y, 5, -1), classes=3)
    check_values(data, ignored_class=-1)
    counts: Any = data.stats(ignored_class=-1).label_counts
    assert counts.tolist() == [[1, 0, 0], [0, 1, 1], [1, 1, 0]]


def test_fingerprint_tells_other_inputs_apart(monkeypatch):
    def prints():
        return {three_clients(x).fingerprint for x in (X, X.copy(), X + 1, X.astype(np.float64))}

    assert len(prints()) == 3
    monkeypatch.setattr("fedwhy.data.federated_dataset.FINGERPRINTED", 16)
    assert len(prints()) == 3


def test_a_million_clients_take_seconds():
    start, clients = time.perf_counter(), 1_000_000
    rng = np.random.default_rng(0)
    owner = np.concatenate([np.arange(clients), rng.integers(0, clients, clients)])
    y = rng.integers(0, 10, len(owner)).astype(np.int32)
    data = FederatedDataset.from_arrays(y[:, None], y, owner, classes=10)
    check_values(data)
    stats: Any = data.stats()
    assert stats.clients == clients
    assert stats.label_counts.sum() == len(owner)
    assert str(stats)
    assert data.client(999_999).y.size == stats.sizes[-1]
    assert data.select(rng.permutation(clients)[:1000]).clients == 1000
    assert time.perf_counter() - start < 10
