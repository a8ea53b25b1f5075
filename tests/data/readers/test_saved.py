"""`FederatedDataset.save` and opening what it wrote."""

import json
import time
from typing import Any

import ml_dtypes
import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fedwhy as fw
from fedwhy.data.arrays import all_differ
from fedwhy.errors import DataError

keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
structures = st.recursive(
    st.sampled_from(["float32", "uint8", "int64", "bool"]),
    lambda inner: st.tuples(inner, inner) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    max_leaves=5,
)


def arrays_in(structure):
    if isinstance(structure, str):
        return np.arange(12).reshape(6, 2).astype(structure)
    if isinstance(structure, tuple):
        return tuple(map(arrays_in, structure))
    return {key: arrays_in(part) for key, part in structure.items()}


@settings(max_examples=30)
@given(structures, st.sampled_from([["b", "ä", "c"], [3, -1, 2]]), st.booleans())
def test_what_is_saved_is_opened(tmp_path_factory, structure, ids, with_origin):
    offsets, origin = np.array([0, 1, 3, 6]), np.arange(6)[::-1] if with_origin else None
    about = ("some", 4, "next word")
    x, y = arrays_in(structure), np.arange(6) % 4
    data = fw.FederatedDataset(x, y, offsets, np.array(ids), *about, origin=origin)
    folder = tmp_path_factory.mktemp("saved") / "set"
    data.save(folder)
    again = fw.read(folder)
    assert again.fingerprint == data.fingerprint
    assert again.ids.tolist() == ids
    assert (again.name, again.classes, again.task) == about
    assert (again.origin is not None) == with_origin
    assert again.select([2]).fingerprint == data.select([2]).fingerprint


@pytest.fixture
def folder(tmp_path):
    x = {"image": np.zeros((3, 2), np.float32), "age": np.zeros((3, 1), np.float32)}
    data = fw.FederatedDataset(x, np.arange(3), np.array([0, 1, 3]), np.array(["a", "b"]))
    data.save(tmp_path / "set")
    return tmp_path / "set"


def test_files_are_what_numpy_reads(folder):
    names = "dataset.json ids.npy offsets.npy x.age.npy x.image.npy y.npy".split()
    assert sorted(path.name for path in folder.iterdir()) == names
    assert np.load(folder / "x.image.npy").shape == (3, 2)


def change(file, function):
    """A fault: `file` of the folder rewritten by a function of its bytes."""

    def damage(folder):
        path = folder / file
        path.write_bytes(function(path.read_bytes()))

    return damage


def change_index(**values):
    return change("dataset.json", lambda text: json.dumps(json.loads(text) | values).encode())


def swap(file, array):
    return lambda folder: np.save(folder / file, array)


X = {"image": "x.image.npy", "age": "x.age.npy"}
WRONG = {
    "file cut": (
        change("x.image.npy", lambda b: b[:-4]),
        "x.image.npy: holds 20 bytes of values, b",
    ),
    "file longer": (
        change("y.npy", lambda b: b + b"!"),
        "y.npy: holds 25 bytes of values, but its",
    ),
    "header cut": (change("y.npy", lambda b: b[:50]), "y.npy: is no readable .npy file (EOF: read"),
    "magic": (
        change("y.npy", lambda b: b"?" + b),
        "y.npy: is no readable .npy file (the magic str",
    ),
    "header": (change("y.npy", lambda b: b.replace(b"{", b"}")), "y.npy: is no readable .npy file"),
    "shape": (
        change("y.npy", lambda b: b.replace(b"(3,), }", b"(-3,),}")),
        "y.npy: holds 24 bytes of values, but its header announces -24",
    ),
    "file missing": (lambda folder: (folder / "ids.npy").unlink(), "ids.npy: is no readable .npy"),
    "another type": (
        swap("y.npy", np.zeros(3)),
        "y.npy: holds float64[3], but dataset.json announ",
    ),
    "another length": (swap("y.npy", np.arange(4)), "y.npy: holds int64[4], but dataset.json"),
    "objects": (
        swap("y.npy", np.array([None] * 3)),
        "y.npy: holds object values; expected numbers",
    ),
    "offsets": (swap("offsets.npy", np.array([0, 1, 4])), "set: data: offsets must rise from 0 to"),
    "falling": (swap("offsets.npy", np.array([0, 4, 3])), "set: data: offsets fall at client 'b'"),
    "ids": (swap("ids.npy", np.array(["a", "a"])), "set: client id 'a' is given twice"),
    "index cut": (change("dataset.json", lambda b: b[:-9]), "dataset.json: cannot be read (Expect"),
    "index of another": (change("dataset.json", lambda b: b"[]"), "dataset.json: is not the index"),
    "version": (
        change_index(version=2),
        "dataset.json: has version 2; this fedwhy reads version 1",
    ),
    "no arrays": (change_index(arrays=None), "dataset.json: is damaged ("),
    "array not listed": (change_index(x="x.npy"), "dataset.json: is damaged ('x.npy'); save"),
    "structure": (change_index(x=3), "dataset.json: is damaged ("),
    "classes": (change_index(classes=-1), "set: classes: expected a whole number of at least 1"),
    "outside": (
        change_index(arrays={"../y.npy": {"dtype": "<i8", "shape": [3]}}),
        "dataset.json: '../y.npy' is not a file of this folder",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_damaged_folder_is_refused_by_file(fault, folder):
    damage, message = WRONG[fault]
    damage(folder)
    with pytest.raises(DataError) as error:
        fw.read(folder)
    assert str(error.value).startswith(str(folder))
    assert message in str(error.value)


def of(x):
    return fw.FederatedDataset(x, np.zeros(2, int), np.array([0, 2]), np.array([0]))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            np.zeros(2, ml_dtypes.bfloat16),
            "x.npy cannot hold bfloat16 values; convert them to float",
        ),
        (
            {1: np.zeros(2)},
            "x holds a dict; only arrays can be saved, in tuples and in dicts with st",
        ),
    ],
)
def test_what_cannot_be_saved_is_refused(tmp_path, x, message):
    with pytest.raises(DataError) as error:
        of(x).save(tmp_path / "set")
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_options_of_a_saved_dataset_are_its_own(folder):
    options: tuple[Any, ...] = ({"name": "n"}, {"classes": 3}, {"task": "t"}, {"into": "other"})
    for option in options:
        with pytest.raises(fw.FedwhyError, match="does not apply to a saved dataset"):
            fw.read(folder, **option)


def test_a_million_clients_are_opened_at_once_whatever_they_hold(tmp_path):
    """With 30 examples each; the file of x is sparse, so its 31 GB take no room on the disk."""
    clients, examples = 1_000_000, 30_000_000
    ids = np.random.default_rng(0).permutation(clients).astype("U12")  # In no order.
    few = fw.FederatedDataset(
        np.zeros((3, 256), np.float32), np.zeros(3, np.int32), np.array([0, 3]), np.array(["a"])
    )
    few.save(tmp_path / "set")
    shapes = {"x.npy": (examples, 256), "y.npy": (examples,)}
    index = json.loads((tmp_path / "set/dataset.json").read_text())
    for file, shape in shapes.items():
        dtype = np.dtype(index["arrays"][file]["dtype"])
        np.lib.format.open_memmap(tmp_path / "set" / file, "w+", dtype, shape)
        index["arrays"][file]["shape"] = shape
    for file, array in {"ids.npy": ids, "offsets.npy": 30 * np.arange(clients + 1)}.items():
        np.save(tmp_path / "set" / file, array)
        index["arrays"][file] = {"dtype": array.dtype.str, "shape": array.shape}
    (tmp_path / "set/dataset.json").write_text(json.dumps(index))
    process = psutil.Process()
    before, start = process.memory_info().rss, time.perf_counter()
    data = fw.read(tmp_path / "set")
    seconds, taken = time.perf_counter() - start, process.memory_info().rss - before
    assert (data.clients, len(data)) == (clients, examples)
    assert (seconds < 2, taken < 1 << 28) == (True, True), (seconds, taken)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=30))
def test_ids_that_are_equal_are_never_taken_to_differ(ids):
    array = np.array(ids)
    assert not all_differ(array) or len(set(array.tolist())) == len(ids)
    assert all_differ(np.array([f"{i} {id}" for i, id in enumerate(ids)]))
