"""A federated dataset in a folder: written whole or not at all, opened without reading it.

x.npy            or x.KEY.npy for every array of a dict or tuple
y.npy            offsets.npy   ids.npy   and origin.npy, where the dataset has one
dataset.json     version, name, classes, task, how x is built, type and shape of every file
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import jax
import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.npy import check_stored, open_npy
from fedwhy.errors import DataError, FedwhyError

PyTree = Any
INDEX = "dataset.json"
FORMAT, VERSION = "fedwhy federated dataset", 1


def save(dataset: FederatedDataset, folder: str | Path) -> None:
    """Writes `dataset` to a new `folder`, for `open_saved`.

    Raises `DataError` where the folder exists or cannot be made, and for arrays that `.npy` files
    cannot hold.
    """
    with new_folder(folder) as written:
        for file, array in example_files(dataset).items():
            check_stored(file, array)
            np.save(written / file, array)
        write_index(dataset, written)


def write_index(dataset: FederatedDataset, folder: Path) -> None:
    """Writes everything but x and y, which `folder` holds already, and `dataset.json` last."""
    arrays = example_files(dataset)
    rest = {"offsets.npy": dataset.offsets, "ids.npy": dataset.ids, "origin.npy": dataset.origin}
    for file, array in rest.items():
        if array is not None:
            np.save(folder / file, array)
            arrays[file] = array
    index = {
        "format": FORMAT,
        "version": VERSION,
        "name": dataset.name,
        "classes": dataset.classes,
        "task": dataset.task,
        "x": file_names(dataset.x),
        "arrays": {f: {"dtype": a.dtype.str, "shape": a.shape} for f, a in arrays.items()},
    }
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def example_files(dataset: FederatedDataset) -> dict[str, np.ndarray]:
    """The arrays of x and y, by file name."""
    files = jax.tree.leaves((file_names(dataset.x), "y.npy"))
    return dict(zip(files, jax.tree.leaves((dataset.x, dataset.y)), strict=True))


def open_saved(folder: str | Path) -> FederatedDataset:
    """The dataset in a folder that `save` has written; its arrays are mapped, not read.

    Raises `DataError` where a file is missing, or has not the type, shape and size announced, and
    where offsets or ids do not fit.
    """
    folder = Path(folder)
    index = read_index(folder / INDEX)
    try:
        arrays = {file: open_part(folder, file, **part) for file, part in index["arrays"].items()}
        x, y = build(index["x"], arrays), arrays["y.npy"]
        clients = arrays["offsets.npy"], arrays["ids.npy"]
        about = index["name"], index["classes"], index["task"]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / INDEX}: is damaged ({error}); save the dataset again"
        ) from error
    try:
        return FederatedDataset(x, y, *clients, *about, origin=arrays.get("origin.npy"))
    except FedwhyError as error:
        raise DataError(f"{folder}: {error}") from error


def read_index(path: Path) -> dict[str, Any]:
    """What `dataset.json` says, of a version that is known here."""
    try:
        index = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({error}); save the dataset again") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise DataError(f"{path}: is not the index of a {FORMAT}")
    if index.get("version") != VERSION:
        raise DataError(
            f"{path}: has version {index.get('version')!r}; this fedwhy reads version {VERSION}"
        )
    return index


def open_part(folder: Path, file: str, dtype: str, shape: list[int]) -> np.ndarray:
    """One array of the dataset, of the type and shape that the index announces."""
    if Path(file).name != file:
        raise DataError(f"{folder / INDEX}: {file!r} is not a file of this folder")
    array = open_npy(folder / file)
    if array.dtype.str != dtype or list(array.shape) != shape:
        raise DataError(
            f"{folder / file}: holds {array.dtype}{list(array.shape)}, but {INDEX} announces "
            f"{np.dtype(dtype)}{shape}; save the dataset again"
        )
    return array


def file_names(x: PyTree) -> Any:
    """The name of each array's file, in the structure of `x`, with lists for tuples as in JSON."""

    def named(tree: PyTree, name: str) -> Any:
        if isinstance(tree, np.ndarray):
            return f"{name}.npy"
        if type(tree) is tuple:
            return [named(part, f"{name}.{i}") for i, part in enumerate(tree)]
        if type(tree) is dict and all(isinstance(key, str) for key in tree):
            # Quoted, so that each key is a file name, and another one than any other key.
            quoted = {key: quote(key, safe="").replace(".", "%2E") for key in tree}
            return {key: named(part, f"{name}.{quoted[key]}") for key, part in tree.items()}
        raise DataError(
            f"x holds a {type(tree).__name__}; only arrays can be saved, in tuples and in dicts "
            "with strings as keys"
        )

    return named(x, "x")


def build(names: Any, arrays: dict[str, np.ndarray]) -> PyTree:
    """The arrays in the structure that `file_names` has told."""
    if isinstance(names, dict):
        return {key: build(part, arrays) for key, part in names.items()}
    if isinstance(names, list):
        return tuple(build(part, arrays) for part in names)
    return arrays[names]


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """A folder to write into, which becomes `folder` when it is whole, and else is removed.

    It lies in a hidden folder of its own beside `folder`, so that writers never meet.
    """
    folder = Path(folder)
    check_free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        hidden = TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}); choose another folder") from error
    with hidden:
        written = Path(hidden.name) / folder.name
        written.mkdir()  # By the user's rights; the hidden one's are stricter.
        yield written
        for path in written.iterdir():
            with path.open("r+b") as file:
                os.fsync(file.fileno())
        check_free(folder)
        written.rename(folder)


def check_free(folder: Path) -> None:
    """Raises `DataError` where `folder` exists."""
    if folder.exists():
        raise DataError(f"{folder} exists already; remove it, or choose another folder")
