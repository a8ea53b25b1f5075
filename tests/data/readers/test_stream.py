"""`from_stream`, through `read`."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fedwhy as fw
from fedwhy.errors import DataError

X = np.arange(24, dtype=np.float32).reshape(6, 2, 2)
Y = np.array([0, 1, 2, 0, 1, 2], np.int32)


def clients(*sizes):
    """A stream of clients `0`, `1`, ... with so many examples each, of `X` and `Y`."""
    start = 0
    for id, size in enumerate(sizes):
        yield f"{id}", (X[start : start + size], Y[start : start + size])
        start += size


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "folder"])
@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=20))
def test_a_stream_is_joined_as_its_clients_would_be(tmp_path_factory, stored, sizes):
    rng = np.random.default_rng(0)
    parts = {
        id: ({"u": rng.normal(size=(n, 3)), "v": (rng.random(n) < 0.5,)}, rng.integers(9, size=n))
        for id, n in enumerate(sizes)
    }
    into = tmp_path_factory.mktemp("stream") / "new" / "set" if stored else None
    found = fw.read(iter(parts.items()), classes=9, name="s", into=into)
    expected = fw.FederatedDataset.from_clients(parts, classes=9, name="s")
    assert found.fingerprint == expected.fingerprint
    assert (found.ids.tolist(), found.name, found.classes) == (list(parts), "s", 9)
    assert isinstance(found.x["v"], tuple)


def test_a_dict_of_lists_is_a_stream_too():
    data = fw.read({7: ([[1.0], [2.0]], [0, 1]), np.int64(3): ([[3.0]], [1])})
    assert (data.ids.tolist(), data.x.tolist(), data.y.tolist()) == (
        [7, 3],
        [[1], [2], [3]],
        [0, 1, 1],
    )


def test_a_stream_into_a_folder_is_mapped_and_can_be_opened_again(tmp_path):
    data = fw.read(clients(1, 2, 3), into=tmp_path / "set")
    assert isinstance(data.x.base, np.memmap)
    again = fw.read(tmp_path / "set")
    assert again.fingerprint == data.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_whole_labels_stored_as_floats_are_labels(tmp_path):
    into = tmp_path / "set"
    fw.read([("a", (X, Y)), ("b", (X, Y.astype(float)))], classes=3, into=into)
    assert (fw.read(into).y.dtype, fw.read(into).y.tolist()) == (np.int32, 2 * Y.tolist())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y / 2, "client 'b': y of example 1 is 0.5, expected a whole number; correct it, or"),
        (Y * np.nan, "client 'b': y of example 0 is nan, expected a whole number"),
        (np.eye(3)[Y], r"client 'b': y of example 0 is float64\[3\], expected .* use argmax\(-1\)"),
    ],
)
def test_floats_that_are_no_labels_are_refused(y, message):
    with pytest.raises(DataError, match=message):
        fw.read({"a": (X, Y), "b": (X, y)}, classes=3)
    assert fw.read({"b": (X, y)}).y.dtype == np.float64


def cut():
    yield from clients(1, 2)
    raise TimeoutError("the database went away")


def test_a_stream_that_is_cut_leaves_nothing(tmp_path):
    with pytest.raises(TimeoutError):
        fw.read(cut(), into=tmp_path / "set")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_not_opened(tmp_path):
    (tmp_path / ".set-1" / "set").mkdir(parents=True)
    (tmp_path / ".set-1" / "set" / "y.npy").write_bytes(b"half")
    with pytest.raises(DataError, match="set: holds nothing that can be read"):
        fw.read(tmp_path / ".set-1" / "set")


def test_writing_removes_no_folder_but_its_own(tmp_path):
    (tmp_path / "set.partial").mkdir()
    (tmp_path / "set.partial" / "mine").write_text("mine")
    fw.read(clients(1, 2), into=tmp_path / "set")
    assert (tmp_path / "set.partial" / "mine").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 2


def test_of_two_streams_into_one_folder_the_first_stays(tmp_path):
    def slower():
        yield from clients(1, 2)
        fw.read(clients(3), into=tmp_path / "set")

    with pytest.raises(DataError, match="set exists already"):
        fw.read(slower(), into=tmp_path / "set")
    assert fw.read(tmp_path / "set").sizes.tolist() == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_inside_a_file_is_refused(tmp_path):
    (tmp_path / "heart.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"heart.csv/x: cannot be written \("):
        fw.read(clients(1), into=tmp_path / "heart.csv" / "x")


def test_memory_does_not_grow_with_a_stream_into_a_folder(tmp_path):
    def megabytes(count):
        for id in range(count):
            yield id, (np.full((256, 1024), id, np.float32), np.full(256, id))

    peaks = []
    for count in (10, 50):
        tracemalloc.start()
        fw.read(megabytes(count), into=tmp_path / f"{count}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0] < 20e6


def test_memory_for_a_stream_is_that_of_its_examples(tmp_path):
    stream = ((id, (np.zeros((20, 50), np.float32), np.zeros(20, np.int32))) for id in range(5000))
    tracemalloc.start()
    data = fw.read(stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * data.x.nbytes


WRONG = {
    "nothing": ([], "data has no clients; give at least one"),
    "no client": (
        [(X, Y, X)],
        "data: item 0 of the stream is a tuple; expected (client id, (x, y))",
    ),
    "no pair": ([("a", X)], "item 0 of the stream is a tuple"),
    "float id": ([(0.5, (X, Y))], "data: a client has the id 0.5; expected strings, or whole num"),
    "ids of two types": ([(1, (X, Y)), ("2", (X, Y))], "data: a client has the id '2'"),
    "id twice": ([("a", (X, Y)), ("a", (X, Y))], "client id 'a' is given twice; give all examples"),
    "empty": ([("a", (X, Y)), ("b", (X[:0], Y[:0]))], "client 'b' holds no examples"),
    "lengths": ([("a", (X, Y)), ("b", (X, Y[1:]))], "client 'b': x has 6 examples and y has 5"),
    "shape": ([("a", (X, Y)), ("b", (X[:, 0], Y))], "client 'b': x is float32[2] an example, the"),
    "type": ([("a", (X, Y)), ("b", (X, Y * 1.0))], "client 'b': y is float64[] an example, the f"),
    "structure": ([("a", (X, Y)), ("b", ({"u": X}, Y))], "client 'b': x is PyTreeDef({'u': *})"),
    "text": (
        [("a", (np.array(["be"]), Y[:1]))],
        "client 'a': x holds <U2 values; expected numbers",
    ),
    "single value": (
        [("a", (X, Y)), ("b", (X[:1], np.array(1)))],
        "client 'b': y is a single value",
    ),
}


@pytest.mark.parametrize("stored", [False, True], ids=["memory", "folder"])
@pytest.mark.parametrize("fault", WRONG)
def test_wrong_client_is_refused_by_id(fault, stored, tmp_path):
    stream, message = WRONG[fault]
    with pytest.raises(DataError) as error:
        fw.read(iter(stream), into=tmp_path / "set" if stored else None)
    assert message in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_replaced(tmp_path):
    with pytest.raises(DataError, match="exists already; remove it, or choose another folder"):
        fw.read(clients(1), into=tmp_path)
