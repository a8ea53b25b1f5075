"""Arranging examples within their clients: the methods of `FederatedDataset` that keep who is who.

Each works on all clients' rows at once; origins and ids follow the examples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from fedwhy.data.arrays import take, to_array, to_arrays, to_offsets
from fedwhy.data.keyed import grouped_range, keys, keys_of_ids, permutations
from fedwhy.errors import DataError, whole_number

if TYPE_CHECKING:
    from fedwhy.data.dataset import Dataset
    from fedwhy.data.federated_dataset import FederatedDataset

PyTree = Any
log = logging.getLogger("fedwhy")
SHUFFLE = int.from_bytes(b"shuffle")


def at_rows(
    data: FederatedDataset, rows: np.ndarray, sizes: np.ndarray, ids: np.ndarray
) -> FederatedDataset:
    """The examples in `rows`, dealt to the clients `ids` by `sizes`, as copies."""
    x, y = take((data.x, data.y), rows)
    origin = None if data.origin is None else data.origin[rows]
    return replace(data, x=x, y=y, offsets=to_offsets(sizes), ids=ids, origin=origin)


def filtered(
    data: FederatedDataset, keep: ArrayLike | Callable[[PyTree, np.ndarray], ArrayLike]
) -> FederatedDataset:
    """See `FederatedDataset.filter`."""
    kept = np.asarray(keep(data.x, data.y) if callable(keep) else keep)
    if kept.dtype != bool or kept.shape != (len(data),):
        raise DataError(
            f"filter: expected True or False for each example, bool[{len(data)}], "
            f"given {kept.dtype}{list(kept.shape)}"
        )
    sizes = np.add.reduceat(kept, data.offsets[:-1], dtype=np.int64)
    stays = sizes > 0
    if not stays.any():
        raise DataError(f"{data.name}: the filter keeps no example of any client")
    if not stays.all():
        log.warning(
            "%s: %d of %d clients keep no example and are left out",
            *(data.name, np.sum(~stays), data.clients),
        )
    return at_rows(data, np.flatnonzero(kept), sizes[stays], data.ids[stays])


def taken(data: FederatedDataset, examples: int) -> FederatedDataset:
    """See `FederatedDataset.take`."""
    examples = whole_number("examples", examples, at_least=1)
    _, number = grouped_range(data.sizes)
    rows = np.flatnonzero(number < examples)
    return at_rows(data, rows, np.minimum(data.sizes, examples), data.ids)


def repeated(data: FederatedDataset, times: int) -> FederatedDataset:
    """See `FederatedDataset.repeat`."""
    sizes = data.sizes * whole_number("times", times, at_least=1)
    client, number = grouped_range(sizes)
    rows = data.offsets[client] + number % data.sizes[client]
    return at_rows(data, rows, sizes, data.ids)


def shuffled(data: FederatedDataset, seed: int) -> FederatedDataset:
    """See `FederatedDataset.shuffled`."""
    key = keys(whole_number("seed", seed), SHUFFLE, keys_of_ids(data.ids))
    rows = data.offsets[data.owner] + permutations(data.sizes, key)
    return at_rows(data, rows, data.sizes, data.ids)


def mapped(
    data: FederatedDataset, function: Callable[[PyTree, np.ndarray], tuple[PyTree, ArrayLike]]
) -> FederatedDataset:
    """See `FederatedDataset.map`."""
    result = function(data.x, data.y)
    if not isinstance(result, tuple) or len(result) != 2:
        raise DataError(f"map: the function must return (x, y), returned {type(result).__name__}")
    x, y = to_arrays("x", result[0]), to_array("y", result[1])
    for array in jax.tree.leaves((x, y)):
        if len(array) != len(data):
            raise DataError(
                f"map: the function returned {len(array)} examples for {len(data)}; return one for "
                "each, and leave examples out with filter"
            )
    return replace(data, x=x, y=y, classes=classes_of(data, y))


def classes_of(data: Dataset | FederatedDataset, y: np.ndarray) -> int | None:
    """The classes of `data` while its new targets `y` are still class numbers, else None."""
    return data.classes if y.dtype.kind in "iu" else None
