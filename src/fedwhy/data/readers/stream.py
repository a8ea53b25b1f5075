"""`from_stream`: clients that come one after another become one dataset, in memory or on disk."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from fedwhy.data.arrays import check_alike, count_examples, to_array, to_arrays
from fedwhy.data.federated_dataset import FederatedDataset, empty_client, to_offsets
from fedwhy.data.readers.labels import class_labels
from fedwhy.data.readers.npy import GrowingArray
from fedwhy.data.readers.saved import file_names, new_folder, open_saved, write_index
from fedwhy.errors import DataError

PyTree = Any
Examples = tuple[PyTree, np.ndarray]
Client = tuple[str | int, tuple[PyTree, ArrayLike]]


def from_stream(
    clients: Iterable[Client],
    *,
    name: str,
    classes: int | None = None,
    task: str = "classification",
    into: str | Path | None = None,
) -> FederatedDataset:
    """Joins a stream of `(client_id, (x, y))`, the clients in the order in which they come.

    Their arrays are appended to growing ones and forgotten, so that no Python object is kept for an
    example. With `into`, they are appended to files in that new folder, and the dataset is mapped
    into memory from there: what is held in memory are the clients' ids and sizes. A stream that is
    cut leaves no folder behind. `read` opens the folder again. With `classes`, whole numbers in y
    that are stored as floats become int32.

    Raises `DataError` for a client that is empty, comes twice, or differs from the first one in
    shape, dtype or structure, and for a folder that exists.
    """
    about = {"name": name, "classes": classes, "task": task}
    if into is None:
        return join(clients, None, **about)
    with new_folder(into) as folder:
        write_index(join(clients, folder, **about), folder)
    return open_saved(into)


def keep(dataset: FederatedDataset, into: str | Path | None) -> FederatedDataset:
    """`dataset` itself, or saved in the folder `into` and mapped into memory from there."""
    if into is None:
        return dataset
    dataset.save(into)
    return open_saved(into)


def join(
    clients: Iterable[Client], folder: Path | None, *, name: str, classes: int | None, task: str
) -> FederatedDataset:
    """The clients' examples in growing arrays, in memory or in `folder`."""
    sizes: dict[str | int, int] = {}
    first, columns = None, []
    try:
        for number, item in enumerate(clients):
            id, given = take_apart(name, number, item)
            check_id(name, id, sizes)
            part = as_examples(id, label(id, given, classes), first)
            if first is None:
                first, columns = jax.tree.map(lambda a: a[:0].copy(), part), growing(part, folder)
            for column, array in zip(columns, jax.tree.leaves(part), strict=True):
                column.append(array)
            sizes[id] = len(part[1])
        if first is None:
            raise DataError(f"{name} has no clients; give at least one")
        arrays = [column.finish() for column in columns]
    finally:
        for column in columns:
            column.close()
    x, y = jax.tree.unflatten(jax.tree.structure(first), arrays)
    offsets = to_offsets(np.fromiter(sizes.values(), np.int64, len(sizes)))
    return FederatedDataset(x, y, offsets, np.array(list(sizes)), name, classes, task)


def growing(part: Examples, folder: Path | None) -> list[GrowingArray]:
    """An empty array for each array of a client, in memory or in a file of `folder`."""
    arrays = jax.tree.leaves(part)
    if folder is None:
        return [GrowingArray(array, None) for array in arrays]
    files = jax.tree.leaves((file_names(part[0]), "y.npy"))
    return [GrowingArray(array, folder / f) for array, f in zip(arrays, files, strict=True)]


def take_apart(name: str, number: int, item: Any) -> tuple[Any, Any]:
    """One item of the stream as (client id, (x, y))."""
    if isinstance(item, tuple) and len(item) == 2:
        id, part = item
        if isinstance(part, tuple) and len(part) == 2:
            plain = str if isinstance(id, str) else int if isinstance(id, np.integer) else None
            return (plain(id) if plain else id), part
    raise DataError(
        f"{name}: item {number} of the stream is a {type(item).__name__}; "
        "expected (client id, (x, y))"
    )


def check_id(name: str, id: Any, known: dict[str | int, int]) -> None:
    """Raises `DataError` for an id that is none, of another type than the first, or known."""
    kind = type(next(iter(known), id))
    if type(id) is not kind or kind not in (str, int):
        raise DataError(
            f"{name}: a client has the id {id!r}; expected strings, or whole numbers, for all"
        )
    if id in known:
        raise DataError(
            f"{name}: client id {id!r} is given twice; give all examples of a client at once"
        )


def label(id: str | int, given: tuple[Any, Any], classes: int | None) -> tuple[Any, Any]:
    """A client's x and y, with y as `class_labels` makes it."""
    if classes is None:
        return given
    x, y = given
    y = to_array(f"client {id!r}: y", y)
    return x, class_labels(y, classes, lambda row: f"client {id!r}: y of example {row}")


def as_examples(id: str | int, given: tuple[Any, Any], first: Examples | None) -> Examples:
    """A client's arrays, checked against each other and against those of the first client."""
    owner = f"client {id!r}"
    part = given
    if first is None or not alike(given, first):
        x, y = given
        part = to_arrays(f"{owner}: x", x), to_array(f"{owner}: y", y)
        check_alike(first or part, part, owner)
    arrays = jax.tree.leaves(part)
    if not len(part[1]):
        raise empty_client(id)
    if any(len(array) != len(part[1]) for array in arrays):
        count_examples(owner, *part)
    return part


def alike(part: Any, first: Examples) -> bool:
    """Whether all are NumPy arrays like those of the first client; for most it is all to check."""
    arrays, structure = jax.tree.flatten(part)
    firsts, expected = jax.tree.flatten(first)
    return structure == expected and all(
        isinstance(a, np.ndarray)
        and (a.dtype, a.ndim, a.shape[1:]) == (b.dtype, b.ndim, b.shape[1:])
        for a, b in zip(arrays, firsts, strict=True)
    )
