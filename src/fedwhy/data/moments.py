"""`client_moments`: counts, means, variances and extremes of every client, in one pass.

The flat arrays are read once, block by block, so that a memory-mapped array is never held whole.
Deviations are taken from the client's own mean, and the parts of a client that blocks cut are
joined by the pairwise formula of Chan, Golub and LeVeque 1983 ("Algorithms for computing the sample
variance: analysis and recommendations", The American Statistician 37), which loses no digits where
a mean is large against its deviation.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fedwhy.data.arrays import leaves_of
from fedwhy.errors import DataError

BLOCK = 1 << 18  # Values worked on at a time: few enough to stay in a core's cache.


class Moments(NamedTuple):
    """Of n clients and f features: `count` is int64 `[n, f]`, the others are float64 `[n, f]`.

    - `count`: finite values; NaN and infinities are missing ones
    - `mean`: 0 where there are none
    - `squares`: the sum of squared deviations from the mean
    - `least`, `greatest`: inf and -inf where there are none
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    least: np.ndarray
    greatest: np.ndarray


def real_leaves(field: str, tree: object) -> list[tuple[str, np.ndarray]]:
    """Every array with its name; raises `DataError` for complex numbers, which have no order."""
    leaves = [(name, array) for name, array in leaves_of(field, tree) if array.size]
    for name, array in leaves:
        if array.dtype.kind == "c":
            raise DataError(
                f"{name} holds complex numbers; give real and imaginary part as two features"
            )
    return leaves


def client_moments(array: np.ndarray, offsets: np.ndarray, features: int) -> Moments:
    """The moments of each client's part of `array` `[examples, ...]`, by feature.

    Client number c owns rows `offsets[c]:offsets[c + 1]`. An example's values are taken as
    `[features, width]`; one of features and width must be 1.
    """
    shape = (len(offsets) - 1, features)
    nothing = (np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape))
    moments = Moments(*nothing, np.full(shape, np.inf), np.full(shape, -np.inf))
    for rows, owners, starts in blocks(array, offsets):
        values = array[rows].reshape(rows.stop - rows.start, features, -1).astype(np.float64)
        before = Moments(*(part[owners] for part in moments))
        # Values near the ends of float64 have moments beyond, which are not finite.
        with np.errstate(over="ignore", invalid="ignore"):
            after = join(before, of_block(values, starts))
        for whole, part in zip(moments, after, strict=True):
            whole[owners] = part
    return moments


def blocks(array: np.ndarray, offsets: np.ndarray) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Consecutive rows of about `BLOCK` values, their clients, and where in them each begins."""
    length = max(1, BLOCK * len(array) // array.size)
    for start in range(0, len(array), length):
        stop = min(start + length, len(array))
        first = int(np.searchsorted(offsets, start, side="right")) - 1
        last = int(np.searchsorted(offsets, stop))
        yield slice(start, stop), slice(first, last), np.maximum(offsets[first:last] - start, 0)


def of_block(values: np.ndarray, starts: np.ndarray) -> Moments:
    """The moments of clients that begin at rows `starts` of `values` `[rows, features, width]`."""
    rows, features, width = values.shape
    lengths = np.diff(starts, append=rows)

    def reduced(ufunc: np.ufunc, array: np.ndarray) -> np.ndarray:
        if features == 1:
            return ufunc.reduceat(array.ravel(), starts * width)[:, None]
        return ufunc.reduceat(array[:, :, 0], starts, axis=0)

    finite = np.isfinite(values)
    whole = bool(finite.all())
    low, high, summands = values, values, values
    if not whole:
        low, high = np.where(finite, values, np.inf), np.where(finite, values, -np.inf)
        summands = np.where(finite, values, 0)
    count = lengths[:, None] * width if whole else reduced(np.add, finite.astype(np.int64))
    mean = reduced(np.add, summands) / np.maximum(count, 1)
    deviation = summands - np.repeat(mean, lengths, axis=0)[:, :, None]
    np.square(deviation, out=deviation)
    if not whole:
        deviation[~finite] = 0
    return Moments(
        np.broadcast_to(count, mean.shape),
        mean,
        reduced(np.add, deviation),
        reduced(np.minimum, low),
        reduced(np.maximum, high),
    )


def join(a: Moments, b: Moments) -> Moments:
    """The moments of the values of both (Chan, Golub and LeVeque 1983)."""
    count = a.count + b.count
    share = b.count / np.maximum(count, 1)
    apart = b.mean - a.mean
    return Moments(
        count,
        a.mean + apart * share,
        a.squares + b.squares + apart**2 * a.count * share,
        np.minimum(a.least, b.least),
        np.maximum(a.greatest, b.greatest),
    )
