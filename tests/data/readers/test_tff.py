"""TensorFlow Federated's HDF5 and SQLite."""

import sqlite3
from collections import Counter
from typing import Any

import h5py
import numpy as np
import pytest
from examples_proto import serialize

import fedwhy as fw
from fedwhy.data.readers.hdf5_heaps import check_heaps
from fedwhy.data.readers.tff import hdf5_clients, sqlite_clients
from fedwhy.errors import DataError, FedwhyError, ParameterError

PIXELS = np.arange(20, dtype=np.float32).reshape(5, 2, 2)


def write_hdf5(path, clients):
    with h5py.File(path, "w") as file:
        for id, fields in clients.items():
            for name, values in fields.items():
                file[f"examples/{id}/{name}"] = values
    return path


@pytest.fixture
def hdf5(tmp_path):
    clients = {
        "zoe": {"pixels": PIXELS[:2], "label": np.array([1, 0], np.int32)},
        "ann": {"pixels": PIXELS[2:], "label": np.array([2, 2, 1], np.int32)},
    }
    return write_hdf5(tmp_path / "set.h5", clients)


def test_hdf5_clients_come_in_the_order_of_their_ids(hdf5):
    data = fw.read(hdf5.rename(hdf5.with_suffix(".bin")), x="pixels", y="label", classes=3)
    assert data.ids.tolist() == ["ann", "zoe"]
    np.testing.assert_array_equal(data.x, PIXELS[[2, 3, 4, 0, 1]])
    assert (data.y.tolist(), data.y.dtype) == ([2, 2, 1, 1, 0], np.int32)
    assert (data.name, data.classes) == ("set", 3)


@pytest.mark.parametrize(
    ("part", "snippets"), [("train", 16_068), ("test", 2_356)]
)  # Counts of TFF's documentation.
def test_shakespeare_is_read_whole(shared_data, part, snippets):
    path = shared_data / "shakespeare" / f"tff_shakespeare_{part}.h5"

    def lengths(columns):
        x = np.array([len(text) for text in columns["snippets"]], np.int32)
        return x, x

    data = fw.read(path, examples=lengths)
    assert (data.clients, len(data)) == (715, snippets)
    with h5py.File(path) as file:
        examples: Any = file["examples"]
        first = sorted(examples)[0]
        theirs = [len(text) for text in examples[first]["snippets"][()]]
    assert data.client(first).x.tolist() == theirs


def test_fields_of_single_numbers_are_stacked(tmp_path):
    fields = {"age": np.array([50, 60]), "sex": np.array([0.0, 1.0]), "sick": np.array([1, 0])}
    path = write_hdf5(tmp_path / "set.h5", {"a": fields})
    data = fw.read(path, x=["sex", "age"], y="sick")
    assert (data.x.tolist(), data.x.dtype) == ([[0, 50], [1, 60]], np.float32)


def test_big_endian_numbers_are_read(tmp_path):
    path = write_hdf5(tmp_path / "set.h5", {"a": {"x": PIXELS.astype(">f4"), "y": np.arange(5)}})
    data = fw.read(path, x="x", y="y")
    assert data.x.dtype.isnative
    np.testing.assert_array_equal(data.x, PIXELS)


def unallocated(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("examples/a/x", (1 << 40,), np.float32, chunks=(1 << 10,))


HDF5_FAULTS: dict[str, Any] = {
    "no examples": ({"x": "x"}, lambda p: h5py.File(p, "w").close(), "has no group 'examples'"),
    "client": (
        {},
        lambda p: write_hdf5(p, {"a": {"x": PIXELS}, "": {"b": PIXELS}}),
        "client 'b': is no group of fields",
    ),
    "nested": (
        {},
        lambda p: write_hdf5(p, {"a/b": {"c": PIXELS}}),
        "client 'a', field 'b': is no array",
    ),
    "missing field": (
        {"x": "pixel", "y": "x"},
        lambda p: write_hdf5(p, {"a": {"x": PIXELS}}),
        "client 'a': has no column 'pixel'; its columns: x",
    ),
    "text": (
        {"x": "x", "y": "x"},
        lambda p: write_hdf5(p, {"a": {"x": [b"to be"]}}),
        "client 'a': x holds no numbers but values such as b'to be'; make numbers of them with",
    ),
    "lengths": (
        {"x": "x", "y": "y"},
        lambda p: write_hdf5(p, {"a": {"x": PIXELS, "y": PIXELS[1:]}}),
        "client 'a': x has 5 examples and y has 4",
    ),
    "no examples of a client": (
        {"x": "x", "y": "x"},
        lambda p: write_hdf5(p, {"a": {"x": PIXELS[:0]}}),
        "client 'a' holds no examples; leave it out",
    ),
    "shapes": (
        {"x": "x", "y": "x"},
        lambda p: write_hdf5(p, {"a": {"x": PIXELS}, "b": {"x": PIXELS[0]}}),
        "client 'b': x is float32[2] an example, the first client's is float32[2,2]",
    ),
    "records": (
        {},
        lambda p: write_hdf5(p, {"a": {"x": np.zeros(2, [("u", int)])}}),
        "client 'a', field 'x': holds [('u', '<i8')] values; expected numbers or text",
    ),
    "announced only": (
        {},
        unallocated,
        "client 'a', field 'x': announces float32[1099511627776], of which 0 bytes are stored",
    ),
}


@pytest.mark.parametrize("fault", HDF5_FAULTS)
def test_wrong_hdf5_is_refused_by_place(fault, tmp_path):
    options, write, message = HDF5_FAULTS[fault]
    path = tmp_path / "set.h5"
    write(path)
    with pytest.raises(DataError) as error:
        fw.read(path, **({"x": "x", "y": "x"} | options))
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_damaged_hdf5_is_refused(hdf5):
    whole = hdf5.read_bytes()
    for length in (100, 700, len(whole) - 8):
        hdf5.write_bytes(whole[:length])
        with pytest.raises(DataError, match="cannot be read"):
            list(hdf5_clients(hdf5))


@pytest.mark.parametrize("damage", [b"\0" * 16, b"\1" + b"\0" * 7 + b"\xff" * 8])
def test_text_on_which_the_library_would_hang_is_refused(tmp_path, damage):
    path = write_hdf5(tmp_path / "set.h5", {"a": {"x": [b"to", b"be"]}})
    check_heaps(path)
    content = bytearray(path.read_bytes())
    first = content.index(b"GCOL") + 16
    content[first : first + 16] = damage
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"byte {first}: a heap of text is damaged"):
        check_heaps(path)


def test_options_that_are_missing_name_the_fields(hdf5):
    with pytest.raises(ParameterError, match="x: name a column, .*; columns: label, pixels"):
        fw.read(hdf5)
    with pytest.raises(ParameterError, match="examples: give either examples, or x and y"):
        fw.read(hdf5, x="pixels", examples=lambda columns: (1, 1))


def test_errors_in_the_users_function_say_which_client(hdf5):
    with pytest.raises(KeyError) as error:
        fw.read(hdf5, examples=lambda columns: (columns["no"], columns["no"]))
    assert "client 'ann'" in error.value.__notes__[0]
    wrong: Any = len
    with pytest.raises(DataError, match="client 'ann': examples.* returned a int; expected"):
        fw.read(hdf5, examples=wrong)


# As TFF makes them.
TABLES = """
CREATE TABLE examples (
  split_name TEXT NOT NULL, client_id TEXT NOT NULL, serialized_example_proto BLOB NOT NULL);
CREATE TABLE client_metadata (
  client_id TEXT NOT NULL, split_name TEXT NOT NULL, num_examples INTEGER NOT NULL);
"""
OTHER_TABLES = TABLES.replace("client_metadata", "clients")
INDICES = """
CREATE INDEX idx_examples_client_id ON examples (client_id);
CREATE INDEX idx_examples_client_id_split ON examples (split_name, client_id);
CREATE INDEX idx_metadata_client_id ON client_metadata (client_id);
"""


def proto(image, label):
    return serialize(
        {"image": ("int64", image), "label": ("int64", [label]), "id": ("bytes", [b"some"])}
    )


ROWS = [
    ("train", "b", proto([1, 2], 0)),
    ("train", "a", proto([3, 400], 1)),
    ("test", "a", proto([5, 6], 0)),
    ("train", "b", proto([7, -8], 1)),
]


def write_sqlite(path, rows=ROWS, counts=None, script=TABLES):
    if counts is None:
        counts = [(id, split, n) for (split, id), n in Counter(row[:2] for row in rows).items()]
    with sqlite3.connect(path) as database:
        database.executescript(script)
        database.executemany("INSERT INTO examples VALUES (?, ?, ?)", rows)
        database.executemany("INSERT INTO client_metadata VALUES (?, ?, ?)", counts)
    database.close()
    return path


@pytest.mark.parametrize("script", [TABLES, TABLES + INDICES], ids=["plain", "indexed"])
def test_sqlite_holds_the_examples_of_a_split(tmp_path, script):
    path = write_sqlite(tmp_path / "set.sqlite", script=script)
    data = fw.read(path, x="image", y="label", split="train")
    assert data.ids.tolist() == ["a", "b"]
    assert data.x.tolist() == [[3, 400], [1, 2], [7, -8]]
    assert data.y.tolist() == [1, 0, 1]
    assert fw.read(path, x="image", y="label", split="test").ids.tolist() == ["a"]


def test_ragged_and_text_features_come_as_objects(tmp_path):
    rows = [
        ("train", "a", serialize({"t": ("int64", [1]), "s": ("bytes", [b"u"])})),
        ("train", "a", serialize({"t": ("int64", [1, 2]), "s": ("bytes", [b"v"])})),
    ]
    ((id, columns),) = sqlite_clients(write_sqlite(tmp_path / "set.db", rows), "train")
    assert id == "a"
    assert [tokens.tolist() for tokens in columns["t"]] == [[1], [1, 2]]
    assert columns["s"].tolist() == [b"u", b"v"]


def test_clients_of_sqlite_are_read_one_at_a_time(tmp_path):
    rows = [*ROWS, ("train", "c", b"broken")]
    clients = sqlite_clients(write_sqlite(tmp_path / "set.db", rows), "train")
    assert [next(clients)[0], next(clients)[0]] == ["a", "b"]
    with pytest.raises(DataError):
        next(clients)


SQLITE_FAULTS = {
    "unknown split": (
        {"split": "valid"},
        write_sqlite,
        "split: given 'valid'; the splits of {path} are: test, train",
    ),
    "no split": ({"split": None}, write_sqlite, "split: given None; the splits of {path} are: te"),
    "no table": (
        {},
        lambda p: sqlite3.connect(p).executescript(OTHER_TABLES).close(),
        "no such table: client_me",
    ),
    "example": (
        {},
        lambda p: write_sqlite(p, [*ROWS, ("train", "b", b"\x0a\x05abc")]),
        "{path}, client 'b', example 2: is no tf.train.Example (byte 0: a field ends at byte 7",
    ),
    "no bytes": (
        {},
        lambda p: write_sqlite(p, [("train", "b", "text")]),
        "{path}, client 'b', example 0: is no tf.train.Example (a str, not bytes)",
    ),
    "features": (
        {},
        lambda p: write_sqlite(p, [*ROWS, ("train", "b", serialize({"u": ("int64", [1])}))]),
        "{path}, client 'b', example 2: has the features u, the first example id, image, label",
    ),
    "count": (
        {},
        lambda p: write_sqlite(p, counts=[("a", "train", 1), ("b", "train", 3)]),
        "table 'examples' has 2 examples of client 'b' where 'client_metadata' tells of 3 of",
    ),
    "client without examples": (
        {},
        lambda p: write_sqlite(
            p, counts=[(c, "train", n) for c, n in (("a", 1), ("b", 2), ("c", 1))]
        ),
        "has no more clients where 'client_metadata' tells of 1 of client 'c'",
    ),
    "client without count": (
        {},
        lambda p: write_sqlite(p, counts=[("a", "train", 1)]),
        "has 2 examples of client 'b' where 'client_metadata' tells of no more clients",
    ),
}


@pytest.mark.parametrize("fault", SQLITE_FAULTS)
def test_wrong_sqlite_is_refused_by_place(fault, tmp_path):
    options, write, message = SQLITE_FAULTS[fault]
    path = tmp_path / "set.sqlite"
    write(path)
    with pytest.raises(FedwhyError) as error:
        fw.read(path, **({"x": "image", "y": "label", "split": "train"} | options))
    assert message.format(path=path) in str(error.value)


def test_damaged_sqlite_is_refused(tmp_path):
    rows = [("train", f"{i}", proto([i], i)) for i in range(2000)]
    path = write_sqlite(tmp_path / "set.sqlite", rows)
    content = bytearray(path.read_bytes())
    content[4096 * 4 : 4096 * 6] = b"\xff" * 4096 * 2
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        list(sqlite_clients(path, "train"))
