"""`read`: the one door to a user's own data, whatever it looks like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.columns import MakeExamples, check_apart
from fedwhy.data.readers.folders import (
    entries,
    read_client_folders,
    table_files,
    warn_of_unread,
)
from fedwhy.data.readers.hugging_face import read_hugging_face
from fedwhy.data.readers.leaf import read_leaf
from fedwhy.data.readers.saved import INDEX, open_saved
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tables import PARQUET, is_table, read_tables, stem
from fedwhy.data.readers.tff import read_hdf5, read_sqlite
from fedwhy.errors import DataError, ParameterError


class Reader(NamedTuple):
    """A function that reads one kind of source, and the options of `read` that apply to it."""

    read: Callable[..., FederatedDataset]
    kind: str
    options: tuple[str, ...]


ABOUT = ("name", "classes", "task", "into")
COLUMNS = ("x", "y", "examples")
TABLES = Reader(read_tables, "CSV and Parquet files", ("client", *COLUMNS, *ABOUT))
FOLDERS = Reader(read_client_folders, "folders of clients", (*COLUMNS, *ABOUT))
HDF5 = Reader(read_hdf5, "an HDF5 file", (*COLUMNS, *ABOUT))
SQLITE = Reader(read_sqlite, "a SQLite database", ("split", *COLUMNS, *ABOUT))
LEAF = Reader(read_leaf, "files of LEAF", ("examples", *ABOUT))
HUGGING_FACE = Reader(
    read_hugging_face, "a dataset of Hugging Face", ("client", "split", *COLUMNS, *ABOUT)
)
STREAM = Reader(from_stream, "a stream of clients", ABOUT)
SAVED = Reader(open_saved, "a saved dataset", ())

MAGIC = {b"\x89HDF\r\n\x1a\n": HDF5, b"SQLite format 3\0": SQLITE}
COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x5d\0\0", b"\x28\xb5\x2f\xfd")
EXPECTED = "CSV, Parquet, HDF5, SQLite or LEAF's JSON"


def read(
    source: Any,
    *,
    client: str | None = None,
    x: str | Sequence[str] | None = None,
    y: str | None = None,
    examples: MakeExamples | None = None,
    name: str | None = None,
    classes: int | None = None,
    task: str = "classification",
    split: str | None = None,
    into: str | Path | None = None,
) -> FederatedDataset:
    """Reads a user's own data by client, whatever it looks like.

    `source` is one of

    - a `.csv`, `.csv.gz` or `.parquet` file, a list or a folder of them: `client`, `x` and `y` name
      columns; without `client`, each file is a client
    - a folder with a folder for every client, that holds `x.npy` and `y.npy`, tables, or images in
      a folder for every class
    - an HDF5 file, or a SQLite database (with `split`), of TensorFlow Federated: `x` and `y` name
      fields
    - a JSON file, a list or a folder of them, of LEAF
    - a `Dataset` of Hugging Face, or (with `split`) a `DatasetDict`: `client`, `x` and `y` name
      columns
    - an iterable of `(client_id, (x, y))`, or a dict `{client_id: (x, y)}`
    - a folder that `FederatedDataset.save` has written

    Several names in `x` are stacked as float32 `[examples, features]`. Instead of `x` and `y`,
    `examples` may turn one client's columns, a dict of NumPy arrays, into its `(x, y)`, as text
    needs, or into None to leave the client out. `name`, `classes` and `task` are those of the
    dataset; the name is by default that of the file or folder. With `classes`, whole numbers in y
    that are stored as floats, as pandas does, become int32. `into` names a new folder to keep
    the dataset in, as `save` does, from where it is mapped into memory; sources that come client by
    client are then never held whole.

    Raises `DataError` for what cannot be read, which names the file and the place in it, and
    `ParameterError` for an option that does not apply.
    """
    reader, found = recognise(source)
    options = {
        "client": client,
        "x": x,
        "y": y,
        "examples": examples,
        "split": split,
        "name": name,
        "classes": classes,
        "task": None if task == "classification" else task,
        "into": into,
    }
    for option, value in options.items():
        if value is not None and option not in reader.options:
            raise ParameterError(option, f"does not apply to {reader.kind}; leave it out")
    if x is not None:
        check_apart(x, client, y)
    options |= {"name": default_name(source) if name is None else name, "task": task}
    try:
        return reader.read(found, **{option: options[option] for option in reader.options})
    except DataError as error:
        # Readers name the file where a place in it is at fault, but not where the whole is.
        if isinstance(source, str | Path) and str(source) not in str(error):
            raise DataError(f"{source}: {error}") from error
        raise


def recognise(source: Any) -> tuple[Reader, Any]:
    """The reader for a source, and what it is given to read."""
    if isinstance(source, str | Path):
        return recognise_path(Path(source))
    if type(source).__module__.partition(".")[0] == "datasets":
        return HUGGING_FACE, source
    if isinstance(source, list | tuple) and any(isinstance(s, str | Path) for s in source):
        return recognise_list([Path(path) for path in source])
    if isinstance(source, list | tuple) and not source:
        raise ParameterError("source", f"expected at least one file or client, given {source!r}")
    if isinstance(source, Mapping):
        return STREAM, source.items()
    if isinstance(source, Iterable):
        return STREAM, source
    raise ParameterError(
        "source", f"expected a file, a folder, or an iterable of clients, given {source!r}"
    )


def recognise_path(path: Path) -> tuple[Reader, Any]:
    """The reader for a file or folder."""
    if path.is_dir():
        return recognise_folder(path)
    reader = recognise_file(path)
    return reader, [path] if reader in (TABLES, LEAF) else path


def recognise_file(path: Path) -> Reader:
    """The reader for a file, by its first bytes; CSV and JSON have none of their own."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not head:
        raise DataError(f"{path}: is empty")
    for magic, reader in MAGIC.items():
        if head.startswith(magic):
            return reader
    if head.startswith(PARQUET) or is_table(path):
        return TABLES
    if path.suffix.lower() == ".json":
        return LEAF
    advice = "decompress it first" if head.startswith(COMPRESSED) else f"expected {EXPECTED}"
    raise DataError(f"{path}: begins with the bytes {head[:8].hex(' ')}; {advice}")


def recognise_folder(path: Path) -> tuple[Reader, Any]:
    """The reader for a folder, by what it holds."""
    if (path / INDEX).is_file():
        return SAVED, path
    folders, files = entries(path, folders=True), entries(path, folders=False)
    tables, jsons = table_files(path), [f for f in files if f.suffix.lower() == ".json"]
    found = [(FOLDERS, path)] * bool(folders) + [(TABLES, tables)] * bool(tables)
    found += [(LEAF, jsons)] * bool(jsons)
    if len(found) == 1:
        if not folders:  # Else their reader knows what it reads.
            warn_of_unread(path, sorted({*files} - {*tables, *jsons}))
        return found[0]
    held = " and ".join(reader.kind for reader, _ in found) or "nothing that can be read"
    raise DataError(
        f"{path}: holds {held}; expected either a folder for every client, or .csv and .parquet "
        "files, or LEAF's .json files"
    )


def recognise_list(paths: list[Path]) -> tuple[Reader, list[Path]]:
    """The reader for a list of files, which must differ."""
    known: set[Path] = set()
    for path in paths:
        if path.resolve() in known:
            raise ParameterError("source", f"names the file {path} twice; name each file once")
        known.add(path.resolve())
    readers = [recognise_file(path) for path in paths]
    for path, reader in zip(paths, readers, strict=True):
        if reader not in (TABLES, LEAF) or reader != readers[0]:
            raise DataError(f"{path}: a list may hold only {TABLES.kind}, or only {LEAF.kind}")
    return readers[0], paths


def default_name(source: Any) -> str:
    """The name of a dataset by that of its file or folder."""
    if not isinstance(source, str | Path):
        return "data"
    path = Path(source).resolve()
    return path.name if path.is_dir() else stem(path)
