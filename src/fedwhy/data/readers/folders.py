"""A folder with a folder for every client, named by its id.

ROOT/CLIENT/x.npy and y.npy         arrays
ROOT/CLIENT/*.csv or *.parquet      tables
ROOT/CLIENT/CLASS/*.png or *.jpg    images, in a folder for every class
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers import images
from fedwhy.data.readers.columns import MakeExamples
from fedwhy.data.readers.npy import open_npy
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tables import is_table, read_tables
from fedwhy.errors import DataError, ParameterError

log = logging.getLogger("fedwhy")

ARRAYS = ("x.npy", "y.npy")
EXPECTED = "x.npy and y.npy, .csv or .parquet files, or folders of .png or .jpg images"


def read_client_folders(
    root: Path,
    *,
    x: str | Sequence[str] | None,
    y: str | None,
    examples: MakeExamples | None,
    into: str | Path | None,
    **about: Any,
) -> FederatedDataset:
    """The folders of `root` as clients, in the order of their names.

    Images come as stored, uint8 `[examples, height, width, channels]`. Their labels are int32: the
    names of the class folders if these are whole numbers, else the place of the name among all
    clients' in alphabetical order; an empty class folder counts. `x`, `y` and `examples` are for
    tables, as in `read_tables`.
    """
    folders = entries(root, folders=True)
    kinds = [kind_of(folder) for folder in folders]
    for folder, kind in zip(folders, kinds, strict=True):
        if kind != kinds[0]:
            raise DataError(f"{folder}: holds {kind}, {folders[0]} {kinds[0]}; build all alike")
    warn_of_unread(root, unread_files(root, folders, kinds[0]))
    if kinds[0] == "tables":
        files = [(file, f.name) for f in folders for file in table_files(f)]
        paths, owners = zip(*files, strict=True)
        options = {"client": None, "x": x, "y": y, "examples": examples}
        return read_tables(paths, owners=owners, into=into, **options, **about)
    for option, value in (("x", x), ("y", y), ("examples", examples)):
        if value is not None:
            raise ParameterError(option, f"does not apply to {kinds[0]}; leave it out")
    if kinds[0] == "arrays":
        return from_stream(map(read_arrays, folders), into=into, **about)
    classes, count = class_numbers(folders)
    about["classes"] = count if about["classes"] is None else about["classes"]
    return from_stream(image_clients(folders, classes), into=into, **about)


def kind_of(folder: Path) -> str:
    """What a client's folder holds."""
    found = {
        "arrays": all((folder / name).is_file() for name in ARRAYS),
        "tables": bool(table_files(folder)),
        "images": bool(entries(folder, folders=True)),
    }
    kinds = [kind for kind, there in found.items() if there]
    if len(kinds) == 1:
        return kinds[0]
    fault = f"holds {' and '.join(kinds)}" if kinds else "holds nothing that can be read"
    raise DataError(f"{folder}: {fault}; expected either {EXPECTED}")


def read_arrays(folder: Path) -> tuple[str, tuple[np.ndarray, np.ndarray]]:
    """A client whose arrays are in `.npy` files."""
    x, y = (open_npy(folder / name) for name in ARRAYS)
    return folder.name, (x, y)


def image_clients(
    folders: list[Path], classes: dict[str, int]
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Clients whose images are in folders of classes, one at a time."""
    first = None
    for folder in folders:
        files = [
            (file, classes[by_class.name])
            for by_class in entries(folder, folders=True)
            for file in entries(by_class, folders=False)
            if is_image(file)
        ]
        if not files:
            raise DataError(f"{folder}: its class folders hold no .png or .jpg images")
        x = images.read_images([(file, str(file)) for file, _ in files], like=first)
        first = x[0].copy() if first is None else first
        yield folder.name, (x, np.array([label for _, label in files], np.int32))


def class_numbers(folders: list[Path]) -> tuple[dict[str, int], int]:
    """The class number of each class folder's name, and how many classes there are."""
    names = sorted({c.name for folder in folders for c in entries(folder, folders=True)})
    if all(name.isdecimal() for name in names):
        numbers = {name: int(name) for name in names}
        return numbers, max(numbers.values()) + 1
    return {name: number for number, name in enumerate(names)}, len(names)


def table_files(folder: Path) -> list[Path]:
    """The CSV and Parquet files in a folder."""
    return [file for file in entries(folder, folders=False) if is_table(file)]


def unread_files(root: Path, folders: Sequence[Path], kind: str) -> list[Path]:
    """The files in `root`, the clients' `folders` and those of classes that are not of a kind."""
    within, read = list(folders), {"arrays": lambda f: f.name in ARRAYS, "tables": is_table}
    if kind == "images":
        within = [c for folder in folders for c in (folder, *entries(folder, folders=True))]
        read[kind] = lambda f: is_image(f) and f.parent.parent != root
    files = (file for folder in within for file in entries(folder, folders=False))
    return entries(root, folders=False) + [file for file in files if not read[kind](file)]


def warn_of_unread(root: Path, files: Sequence[Path]) -> None:
    """Warns of `files` in `root` that are not read, naming up to five."""
    if files:
        names = [str(file.relative_to(root)) for file in files[:5]]
        more = f" and {len(files) - 5} more" if len(files) > 5 else ""
        log.warning("%s: files that are not read: %s%s", root, ", ".join(names), more)


def is_image(path: Path) -> bool:
    """Whether a file is named as images are."""
    return path.name.lower().endswith(images.SUFFIXES)


def entries(folder: Path, folders: bool) -> list[Path]:
    """The folders, or else the files, in a folder, but for hidden ones, by name."""
    found = (entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return sorted(entry for entry in found if entry.is_dir() == folders)
