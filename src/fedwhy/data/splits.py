"""`split`: the examples that each client holds out for testing."""

import logging
from collections.abc import Iterator
from itertools import pairwise, starmap

import numpy as np

from fedwhy.data.arrays import all_differ, take
from fedwhy.data.federated_dataset import FederatedDataset, to_offsets
from fedwhy.data.keyed import grouped_range, keys, keys_of_ids, mix, permutations
from fedwhy.errors import DataError, number, whole_number

log = logging.getLogger("fedwhy")
SPLIT = int.from_bytes(b"split")


def split(
    data: FederatedDataset, test: float, seed: int, stratified: bool
) -> tuple[FederatedDataset, FederatedDataset]:
    """A dataset to train and one to test on, see `FederatedDataset.split`."""
    test = number("test", test, above=0, below=1)
    seed = whole_number("seed", seed)
    if stratified and (data.y.ndim != 1 or data.y.dtype.kind not in "iu"):
        raise DataError(
            f"{data.name}: a stratified split needs one whole number an example, "
            f"given y {data.y.dtype}{list(data.y.shape)}; leave stratified out"
        )
    if data.largest == 1:
        raise DataError(
            f"{data.name}: every client holds a single example, so none can be held out; "
            "set some clients apart with select() instead"
        )
    if data.origin is not None and not all_differ(data.origin):
        log.warning(
            "%s holds copies of examples, which may lie on both sides of the split; split before "
            "repeat()",
            data.name,
        )
    held = np.empty(len(data), bool)
    for clients in client_blocks(data.offsets):
        rows = slice(data.offsets[clients.start], data.offsets[clients.stop])
        labels = data.y[rows] if stratified else None
        held[rows] = held_out(data.ids[clients], data.sizes[clients], test, seed, labels)
    return where(data, ~held), where(data, held)


def client_blocks(offsets: np.ndarray) -> Iterator[slice]:
    """Cuts the clients in slices of about a million examples, for the sake of memory."""
    firsts = np.searchsorted(offsets, np.arange(0, offsets[-1], 1 << 20))
    return starmap(slice, pairwise(np.unique([*firsts, len(offsets) - 1]).tolist()))


def held_out(
    ids: np.ndarray, sizes: np.ndarray, test: float, seed: int, labels: np.ndarray | None
) -> np.ndarray:
    """Which examples are for testing, bool `[examples]`, the clients' examples one after another.

    `ids` and `sizes` are `[clients]`. With `labels` `[examples]`, every label of a client has its
    share, rounded up or down.
    """
    count = np.rint(test * sizes).astype(np.int64)
    count = np.clip(count, np.minimum(1, sizes - 1), sizes - 1)
    key = keys(seed, SPLIT, keys_of_ids(ids))
    client, place = grouped_range(sizes)
    order = (np.cumsum(sizes) - sizes)[client] + permutations(sizes, key)
    if labels is not None:
        order = order[np.lexsort((labels[order], client))]
    # Systematic sampling: steps of size / count along the client's examples, from a random start.
    start = (mix(key) % sizes.astype(np.uint64)).astype(np.int64)
    chosen = (place * count[client] + start[client]) % sizes[client] >= (sizes - count)[client]
    held = np.empty(len(client), bool)
    held[order] = chosen
    return held


def where(data: FederatedDataset, kept: np.ndarray) -> FederatedDataset:
    """The examples where `kept` bool `[examples]` is True, and the clients that hold any."""
    rows = np.flatnonzero(kept)
    sizes = np.bincount(data.owner[rows], minlength=data.clients)
    x, y = take((data.x, data.y), rows)
    origin = None if data.origin is None else data.origin[rows]
    ids, offsets = data.ids[sizes > 0], to_offsets(sizes[sizes > 0])
    return FederatedDataset(x, y, offsets, ids, data.name, data.classes, data.task, origin)
