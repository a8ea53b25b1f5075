"""`turns_of`: how images have to be turned or mirrored to look alike at all clients."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SWEEPS = 3
# A turn must halve what images are off by, beyond chance, and that must be so many times chance.
FIXED, CLEAR = 0.5, 2.0
MOST = 1 << 26  # Means of clients, labels and features, together.


class Turns(NamedTuple):
    """How each client's images are turned.

    `orders` int64 `[views, features]`: for each view the places that its features come from, the
    first as they are. `view` int64 `[clients]`.
    """

    orders: np.ndarray
    view: np.ndarray

    def of(self, x: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """Inputs `x` `[examples, features]` of the clients `owner`, turned."""
        if not self.view.any():
            return x
        view, turned = self.view[owner], x.copy()
        for each in np.unique(view[view > 0]):
            turned[view == each] = x[view == each][:, self.orders[each]]
        return turned


class Cells(NamedTuple):
    """Means of inputs by client and label, `[clients, labels, features]`, and of how many.

    `within` is the variance about them, summed over features.
    """

    mean: np.ndarray
    count: np.ndarray
    within: float


def turns_of(
    x: np.ndarray,
    shape: tuple[int, ...],
    strata: np.ndarray,
    owner: np.ndarray,
    reference: np.ndarray | None = None,
) -> Turns:
    """The turns that bring images of each label to look alike at all clients.

    Inputs `x` are float64 `[examples, features]` of images of `shape`; others are left as they are.
    One client after another takes the view in which its images lie next to those of the same labels
    at the clients before it, beginning with the largest; then each again beside all others. The
    view of all together is the one nearest to the mean input `reference`, or that of most clients.
    """
    orders = orders_of(shape)
    clients, labels = int(owner.max()) + 1, int(strata.max()) + 1
    as_they_are = Turns(orders, np.zeros(clients, np.int64))
    if len(orders) == 1 or clients < 2:
        return as_they_are
    cells = cells_of(x, strata + owner.astype(np.int64) * labels, clients, labels)
    view = alike(cells, orders)
    if not view.any() and reference is None:
        return as_they_are
    if reference is None:
        most = int(np.bincount(view).argmax())
        last = next(n for n, order in enumerate(orders) if is_identity(orders[most][order]))
    else:
        pooled = Turns(orders, view).of(x, owner).mean(axis=0)
        off = np.square(pooled[orders] - reference).sum(axis=1)
        last = int(off.argmin()) if off.min() < FIXED * off[0] or view.any() else 0
    together = [index_of(orders, orders[each][orders[last]]) for each in view.tolist()]
    return Turns(orders, np.array(together, np.int64))


def fits(clients: int, strata: np.ndarray, features: int) -> bool:
    """Whether means by client, label and feature fit into memory."""
    return clients * (int(strata.max(initial=0)) + 1) * features <= MOST


def orders_of(shape: tuple[int, ...]) -> np.ndarray:
    """The views of images `[height, width, ...]`: mirrored, upside down, turned; `orders`."""
    size = int(np.prod(shape))
    places = np.arange(size).reshape(shape)
    if len(shape) < 2 or min(shape[:2]) < 2:
        return places.reshape(1, size)
    quarters = range(4) if shape[0] == shape[1] else (0, 2)
    turned = [np.rot90(places, k) for k in quarters]
    return np.stack([view.ravel() for each in turned for view in (each, each[:, ::-1])])


def cells_of(x: np.ndarray, cell: np.ndarray, clients: int, labels: int) -> Cells:
    """The means by client and label."""
    count = np.bincount(cell, minlength=clients * labels).reshape(clients, labels)
    mean = cell_sums(x, cell, count) / np.maximum(count, 1)[..., None]
    free = max(len(x) - int((count > 0).sum()), 1)
    within = float(np.square(x - mean.reshape(-1, x.shape[1])[cell]).sum()) / free
    return Cells(mean, count, within)


def cell_sums(x: np.ndarray, cell: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Sums of `x` by client and label, float64 `[clients, classes, features]`."""
    sums = np.zeros((count.size, x.shape[1]))
    order = np.argsort(cell, kind="stable")
    sizes = count.ravel()
    held = np.flatnonzero(sizes)
    sums[held] = np.add.reduceat(x[order], (np.cumsum(sizes) - sizes)[held], axis=0)
    return sums.reshape(*count.shape, x.shape[1])


def alike(cells: Cells, orders: np.ndarray) -> np.ndarray:
    """The view of each client in which all look alike, int64 `[clients]`."""
    clients, labels, features = cells.mean.shape
    view = np.zeros(clients, np.int64)
    sums, count = np.zeros((labels, features)), np.zeros(labels)

    def add(client: int, sign: int) -> None:
        own = cells.count[client]
        turned = cells.mean[client][:, orders[view[client]]]
        sums[:] += sign * own[:, None] * turned
        count[:] += sign * own

    left = set(range(clients))
    while left:
        shared = {c: np.minimum(cells.count[c], count).sum() for c in left}
        client = max(left, key=lambda c: (shared[c], cells.count[c].sum(), -c))
        view[client] = best_view(cells, client, sums, count, orders)
        add(client, 1)
        left.remove(client)
    for _ in range(SWEEPS):
        for client in range(clients):
            add(client, -1)
            view[client] = best_view(cells, client, sums, count, orders)
            add(client, 1)
    return view


def best_view(
    cells: Cells, client: int, sums: np.ndarray, count: np.ndarray, orders: np.ndarray
) -> int:
    """The view of a client's images nearest to others of the same labels.

    A mean of n is off another of N by `V (1 / n + 1 / N)` by chance, so that each label's distance
    counts `n N / (n + N)` times, and V each is expected.
    """
    own = cells.count[client]
    held = np.flatnonzero((own > 0) & (count > 0))
    if not held.size:
        return 0
    weight = own[held] * count[held] / (own[held] + count[held])
    others, mine = sums[held] / count[held, None], cells.mean[client][held]
    off = np.array([weight @ np.square(mine[:, order] - others).sum(axis=1) for order in orders])
    chance = len(held) * cells.within
    beyond = np.maximum(off - chance, 0)
    best = int(beyond.argmin())
    return best if off[0] > CLEAR * chance and beyond[best] < FIXED * beyond[0] else 0


def is_identity(order: np.ndarray) -> bool:
    """Whether features stay where they are."""
    return bool((order == np.arange(len(order))).all())


def index_of(orders: np.ndarray, order: np.ndarray) -> int:
    """The number of the view that has this order."""
    return int((orders == order).all(axis=1).argmax())
