"""`Table`: inputs as the model sees them, a row for each of some examples."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data.arrays import take, to_offsets

VALUES = 1 << 22  # A table has about so many.
CLIENTS = 1000  # So many are asked, spaced evenly; and at most so many examples of one.


class Table(NamedTuple):
    """Examples of some clients, or of the test set as one client.

    - `x` float32 `[examples, features]`, prepared, all arrays of an input side by side. Values that
      are not finite are 0
    - `rows` int64 `[examples]`: their places in the data
    - `clients` int64 `[asked]`: the positions of those who were asked
    - `offsets` int64 `[asked + 1]`: which examples are whose
    """

    x: np.ndarray
    rows: np.ndarray
    clients: np.ndarray
    offsets: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Examples of each client in the table, int64 `[asked]`."""
        return np.diff(self.offsets)


def table_of(x: Any, offsets: np.ndarray, preparation: Any = None) -> Table:
    """A table of inputs `x` `[examples, ...]`, evenly spaced ones of each client.

    `preparation` is that of the model.
    """
    clients = spaced(len(offsets) - 1, CLIENTS)
    sizes = np.diff(offsets)[clients]
    features = sum(array[0].size for array in jax.tree.leaves(x))
    each = min(max(1, VALUES // max(features * len(clients), 1)), CLIENTS * 10)
    if sizes.sum() * features <= VALUES:
        each = int(sizes.max())
    parts = [
        offsets[at] + spaced(size, each) for at, size in zip(clients, sizes.tolist(), strict=True)
    ]
    rows = np.concatenate(parts)
    offsets = to_offsets(np.array([len(part) for part in parts]))
    return Table(flat(take(x, rows), preparation), rows, clients, offsets)


def flat(x: Any, preparation: Any = None) -> np.ndarray:
    """Inputs `x` prepared, float32 `[examples, features]`; 0 where values are not finite."""
    inputs = x if preparation is None else jax.device_get(preparation.inputs(x))
    parts = [np.asarray(a, np.float32).reshape(len(a), -1) for a in jax.tree.leaves(inputs)]
    values = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
    if np.isfinite(values).all():
        return values
    return np.where(np.isfinite(values), values, np.float32(0))


def spaced(count: int, most: int) -> np.ndarray:
    """At most `most` of the numbers `0..count-1`, evenly spaced, int64."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


class Scale(NamedTuple):
    """Where features lie, float32 `[features]`.

    `mean` and `deviation` are of all examples of a table; `varies` says which features vary.
    """

    mean: np.ndarray
    deviation: np.ndarray
    varies: np.ndarray

    def of(self, x: np.ndarray) -> np.ndarray:
        """`x` `[examples, features]` standardised."""
        return (x - self.mean) / self.deviation


def scale_of(x: np.ndarray, columns: bool) -> Scale:
    """The scale of `x` `[examples, features]`.

    Features that are no `columns` are of one kind, as pixels are, and share their deviation: those
    that hardly vary must not count as much as the others.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    variance = np.square(x - mean.astype(np.float32)).mean(axis=0, dtype=np.float64)
    varies = variance > (2.0**-23 * np.abs(mean)) ** 2
    spread = variance if columns else np.full_like(variance, variance.mean())
    deviation = np.sqrt(np.where(varies & (spread > 0), spread, 1))
    return Scale(mean.astype(np.float32), deviation.astype(np.float32), varies)
