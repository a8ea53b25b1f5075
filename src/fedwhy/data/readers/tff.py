"""The two formats of TensorFlow Federated's datasets: HDF5, and tables in a SQLite database.

HDF5 holds the array of each field at `examples/CLIENT/FIELD`. SQLite holds an example a row, as a
serialized `tf.train.Example`, and how many each client has:

    examples(split_name, client_id, serialized_example_proto)
    client_metadata(client_id, split_name, num_examples)
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.columns import MakeExamples, choose, make_examples
from fedwhy.data.readers.hdf5_heaps import check_heaps
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tf_example import decode_example
from fedwhy.errors import DataError, ParameterError

MOST_COMPRESSED = 1032  # Deflate turns no byte into more.
LARGE_CHUNK = 1 << 26

Columns = dict[str, np.ndarray]


def read_hdf5(
    path: Path,
    *,
    x: str | Sequence[str] | None,
    y: str | None,
    examples: MakeExamples | None,
    into: str | Path | None,
    **about: Any,
) -> FederatedDataset:
    """The clients of an HDF5 file, in the order of their ids; `x` and `y` name fields."""
    clients = make_examples(hdf5_clients(path), choose(x, y, examples), path)
    return from_stream(clients, into=into, **about)


def read_sqlite(
    path: Path,
    *,
    x: str | Sequence[str] | None,
    y: str | None,
    examples: MakeExamples | None,
    split: str | None,
    into: str | Path | None,
    **about: Any,
) -> FederatedDataset:
    """The clients of one split of a SQLite database; `x` and `y` name features."""
    clients = make_examples(sqlite_clients(path, split), choose(x, y, examples), path)
    return from_stream(clients, into=into, **about)


def hdf5_clients(path: str | Path) -> Iterator[tuple[str, Columns]]:
    """Every client of an HDF5 file with its fields, in the order of the ids.

    Numbers come as stored, `[examples, ...]`, text as object arrays of bytes. Raises `DataError`
    for a file that is damaged or built otherwise.
    """
    import h5py

    with damage_named(path), h5py.File(path, "r") as file:
        clients = file.get("examples")
        if not isinstance(clients, h5py.Group):
            raise DataError(f"{path}: has no group 'examples'; is it a file of another format?")
        room = Path(path).stat().st_size
        before_text = cache(partial(check_heaps, path))  # Once, and only where there is text.
        for id in sorted(clients):
            owner = f"{path}, client {id!r}"
            with damage_named(owner):
                fields = clients[id]
                if not isinstance(fields, h5py.Group):
                    raise DataError(f"{owner}: is no group of fields")
                columns = {
                    name: read_field(fields, name, owner, room, before_text)
                    for name in map(str, fields)
                }
            yield id, columns


def read_field(
    fields: Any, name: str, owner: str, room: int, before_text: Callable[[], None]
) -> np.ndarray:
    """The array of one field; `room` is the size of the file."""
    import h5py

    place = f"{owner}, field {name!r}"
    with damage_named(place):
        field = fields[name]
        if not isinstance(field, h5py.Dataset) or field.shape is None:
            raise DataError(f"{place}: is no array")
        text = h5py.check_string_dtype(field.dtype) is not None
        if field.dtype.kind not in "biuf" and not text:
            raise DataError(f"{place}: holds {field.dtype} values; expected numbers or text")
        check_room(field, place, room)
        if text:
            before_text()
        return field[()]


def check_room(field: Any, place: str, room: int) -> None:
    """Raises `DataError` for an array far larger than what the file stores of it.

    The library would take memory for whatever a damaged header announces.
    """
    stored = field.id.get_storage_size()
    compressed = field.id.get_create_plist().get_nfilters() > 0
    chunk = np.prod(field.chunks, dtype=float) * field.dtype.itemsize if field.chunks else 0
    most = stored * MOST_COMPRESSED if compressed else stored
    if stored > room or field.nbytes > most or chunk > max(most, LARGE_CHUNK):
        raise DataError(
            f"{place}: announces {field.dtype}{list(field.shape)}, of which {stored} bytes are "
            f"stored in a file of {room}; fetch the file again"
        )


@contextmanager
def damage_named(place: Any) -> Iterator[None]:
    """Turns what h5py raises for a damaged file into a `DataError` that names the place."""
    try:
        yield
    except DataError:
        raise
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{place}: cannot be read ({error}); fetch the file again") from error


def sqlite_clients(path: str | Path, split: str | None) -> Iterator[tuple[str, Columns]]:
    """Every client of `split` with its features, in the order of the ids, one at a time.

    A feature with one value an example comes as `[examples]`, one with n values as
    `[examples, n]`; bytes and ragged features as object arrays. Raises `DataError` for a damaged
    file, other tables, an example that cannot be decoded, and numbers of examples that disagree;
    `ParameterError` for an unknown split.
    """
    try:
        uri = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            check_split(database, path, split)
            counts = database.execute(
                "SELECT client_id, num_examples FROM client_metadata "
                "WHERE split_name = ? AND num_examples <> 0 ORDER BY client_id",
                (split,),
            )
            rows = database.execute(
                "SELECT client_id, serialized_example_proto FROM examples "
                "WHERE split_name = ? ORDER BY client_id, rowid",
                (split,),
            )
            for id, messages in groupby(rows, key=itemgetter(0)):
                owner = f"{path}, client {id!r}"
                if not isinstance(id, str):
                    raise DataError(f"{owner}: the id in table 'examples' is no text")
                decoded = [
                    decode(message, f"{owner}, example {number}")
                    for number, (_, message) in enumerate(messages)
                ]
                check_count(path, (id, len(decoded)), counts.fetchone())
                yield id, stack(decoded, owner)
            check_count(path, None, counts.fetchone())
    except sqlite3.Error as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch the file again") from error


def check_split(database: sqlite3.Connection, path: str | Path, split: str | None) -> None:
    """Raises `ParameterError` unless the database has `split`."""
    found = database.execute("SELECT DISTINCT split_name FROM client_metadata ORDER BY split_name")
    splits = [str(row[0]) for row in found]
    if split not in splits:
        known = ", ".join(splits) or "none"
        raise ParameterError("split", f"given {split!r}; the splits of {path} are: {known}")


def check_count(
    path: str | Path, found: tuple[str, int] | None, told: tuple[str, int] | None
) -> None:
    """Raises `DataError` where table 'client_metadata' tells of other clients or numbers."""
    if found == told:
        return
    has = "no more clients" if found is None else f"{found[1]} examples of client {found[0]!r}"
    says = "no more clients" if told is None else f"{told[1]} of client {told[0]!r}"
    raise DataError(
        f"{path}: table 'examples' has {has} where 'client_metadata' tells of {says}; "
        "fetch the file again"
    )


def decode(message: Any, place: str) -> Columns:
    """The features of one example."""
    try:
        if not isinstance(message, bytes):
            raise ValueError(f"a {type(message).__name__}, not bytes")
        return decode_example(message)
    except ValueError as error:
        raise DataError(f"{place}: is no tf.train.Example ({error})") from error


def stack(examples: list[Columns], owner: str) -> Columns:
    """The features of several examples as columns."""
    for number, example in enumerate(examples):
        if example.keys() != examples[0].keys():
            raise DataError(
                f"{owner}, example {number}: has the features {', '.join(sorted(example))}, "
                f"the first example {', '.join(sorted(examples[0]))}"
            )
    return {name: stack_values([example[name] for example in examples]) for name in examples[0]}


def stack_values(values: list[np.ndarray]) -> np.ndarray:
    """`[examples]` of single values, `[examples, n]` of n values each, object if that differs."""
    if len({(len(value), value.dtype) for value in values}) > 1:
        return np.fromiter(values, object, len(values))
    column = np.stack(values)
    return column[:, 0] if column.shape[1] == 1 else column
