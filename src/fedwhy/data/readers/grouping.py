"""Rows of a table grouped by the client that a column names."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset, to_offsets
from fedwhy.data.readers.arrow import Column, Place, compute, first
from fedwhy.errors import DataError


def find_clients(column: Column, field: str, place: Place) -> tuple[np.ndarray, np.ndarray]:
    """Sorted ids `[clients]`, and the position of each row's client, int64 `[rows]`.

    Arrow tells the ids apart by hashing, so that only they are sorted, not the rows. Raises
    `DataError` where an id is missing, and for ids that are neither text nor whole numbers.
    """
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    missing = column.is_null()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        column = column.cast(pa.large_string())
        missing = compute().equal(compute().fill_null(column, ""), "")
    elif not pa.types.is_integer(kind):
        raise DataError(
            f"{place(0)}: {field} is of type {kind}; client ids must be text or whole numbers"
        )
    if compute().any(missing).as_py():
        raise DataError(f"{place(first(missing))}: {field} is missing; give every row its client")
    encoded = column.combine_chunks().dictionary_encode()
    ids = np.array(encoded.dictionary.to_pylist())
    order = np.argsort(ids)
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    return ids[order], position[encoded.indices.to_numpy()]


def group_rows(
    x: np.ndarray, y: np.ndarray, ids: np.ndarray, owner: np.ndarray, **about: Any
) -> FederatedDataset:
    """Rows grouped by client; `owner` is the position of each row's client in `ids`."""
    return replace(FederatedDataset.from_arrays(x, y, owner, **about), ids=ids)


def columns_by_client(
    columns: dict[str, np.ndarray], ids: np.ndarray, owner: np.ndarray
) -> Iterator[tuple[Any, dict[str, np.ndarray]]]:
    """Each client's id with its rows of every column, in their order."""
    rows = np.argsort(owner, kind="stable")
    offsets = to_offsets(np.bincount(owner))
    for number, id in enumerate(ids):
        own = rows[offsets[number] : offsets[number + 1]]
        yield id.item(), {name: column[own] for name, column in columns.items()}
