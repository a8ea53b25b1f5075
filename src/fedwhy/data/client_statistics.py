"""What a client tells of its own examples, for `describe`: arrays of fixed size.

Of one client: `local_description` and `local_histograms`. Of all clients at once, from the flat
arrays and with the same numbers: `descriptions` and `summed_histograms`.

With `minimum=k`, this is held back at the client, before anything is sent:

- everything, by a client with fewer than k examples
- the count of a label that is smaller than k examples have labels, and its next larger count, too,
  where all that was held back is still less than that: the total would tell
- a feature of which it has fewer finite values than k whole examples have
- a count of missing values that is smaller than the values of k examples: they count as values like
  the mean of the others; and one that leaves fewer values than that
- for k of 2 or more, the least and the greatest value of every feature, which are one example's
- single values in a histogram: they are counted in groups as large as k examples have

So no difference of two numbers of one description tells of fewer than k examples at a client, save
one: a histogram leaves out what fills no group, which may tell that a value is missing. Nothing
protects differences of two descriptions, as of data with and without an example. To hide one
client's numbers among all, they must be joined by secure aggregation.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from fedwhy.data import histogram
from fedwhy.data.arrays import take
from fedwhy.data.checks import check_labels
from fedwhy.data.dataset import Dataset
from fedwhy.data.moments import Moments, client_moments, real_leaves
from fedwhy.data.stats import count_labels, countable
from fedwhy.errors import DataError

PyTree = Any
T = TypeVar("T")
COLUMNS = 64  # A table has at most so many columns; of wider rows all values are one feature.
GROUPS = 16  # Of clients, read side by side.


class Examples(NamedTuple):
    """Examples by client: x, y, `offsets` int64 `[clients + 1]` and `classes`.

    Labels that are `ignored_class` are not counted.
    """

    x: PyTree
    y: np.ndarray
    offsets: np.ndarray
    classes: int | None
    ignored_class: int | None = None


class Field(NamedTuple):
    """An array `[examples, ...]`, and its features, of `width` values an example each.

    The features of all fields follow one another; those of this one are at `place`.
    """

    names: list[str]
    array: np.ndarray
    place: slice
    width: int


def local_description(
    x: PyTree,
    y: np.ndarray,
    classes: int | None = None,
    minimum: int = 0,
    ignored_class: int | None = None,
) -> dict[str, np.ndarray]:
    """What one client sends first, of its own examples; x, y and `classes` as in `Dataset`.

    - `examples`: int64 `[]`
    - `labels`: int64 `[classes]`, over all positions of y `[examples, ...]`; empty without
      `classes`. Labels that are `ignored_class` are left out
    - `count`, `missing`: int64 `[features]`, values that are finite, and that are not
    - `mean`, `squares`: float64 `[features]`, the mean and the sum of squared deviations from it
    - `least`, `greatest`: float64 `[features]`, inf and -inf where there are none to send

    Raises `DataError` as `describe` does.
    """
    sent = descriptions(alone(x, y, classes, ignored_class), minimum)
    return {key: value[0] for key, value in sent.items()}


def local_histograms(
    x: PyTree,
    y: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    classes: int | None = None,
    minimum: int = 0,
    ignored_class: int | None = None,
) -> np.ndarray:
    """What one client sends next, given ranges float64 `[features]`: int64 `[features, BINS]`."""
    counts = [
        histogram.local_histogram(f.array, low[f.place], high[f.place], group_size(f, minimum))
        for f in fields_of(alone(x, y, classes, ignored_class))
    ]
    return np.concatenate(counts)


def alone(x: PyTree, y: np.ndarray, classes: int | None, ignored_class: int | None) -> Examples:
    """One client's examples; raises `DataError` where they do not fit each other."""
    data = Dataset(x, y, classes=classes)
    check_labels(data, ignored_class)
    return Examples(data.x, data.y, np.array([0, len(data)]), data.classes, ignored_class)


def descriptions(examples: Examples, minimum: int) -> dict[str, np.ndarray]:
    """The `local_description` of every client, stacked `[clients, ...]`."""
    counted = countable(examples.offsets, examples.classes or 0)
    groups = in_groups(examples, partial(group_descriptions, counted=counted))
    sent = {key: np.concatenate([group[key] for group in groups]) for key in groups[0]}
    if minimum <= 1:
        return sent
    fields = fields_of(examples)
    widths = np.concatenate([np.full(len(f.names), f.width) for f in fields])
    return held_back(sent, widths, examples.y[0].size, minimum)


def group_descriptions(examples: Examples, counted: bool) -> dict[str, np.ndarray]:
    """What clients would send if they held nothing back, `[clients, ...]`; labels if `counted`."""
    sizes = np.diff(examples.offsets)
    labels = np.zeros((len(sizes), 0), np.int64)
    if counted and examples.classes is not None:
        ignored = examples.ignored_class
        labels = count_labels(examples.y, examples.offsets, examples.classes, ignored)
    fields = fields_of(examples)
    parts = [client_moments(f.array, examples.offsets, len(f.names)) for f in fields]
    moments = Moments(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))
    widths = np.concatenate([np.full(len(f.names), f.width) for f in fields])
    return {
        "examples": sizes,
        "labels": labels,
        "missing": sizes[:, None] * widths - moments.count,
        **moments._asdict(),
    }


def held_back(
    sent: dict[str, np.ndarray], widths: np.ndarray, positions: int, minimum: int
) -> dict[str, np.ndarray]:
    """What clients send `[clients, ...]` without what rests on fewer than `minimum` examples.

    An example has `widths` `[features]` values, and `positions` labels.
    """
    enough = sent["examples"] >= minimum
    stays = enough[:, None] & (sent["count"] >= minimum * widths)
    # Of few values that are there, the number of those that are missing would tell.
    many = (sent["missing"] >= minimum * widths) & (stays | (sent["count"] == 0))
    missing = np.where(many, sent["missing"], 0)
    labels = without_few(sent["labels"], minimum * positions)
    # As if the missing values that are not told were there, of the mean and variance of the others.
    told = sent["examples"][:, None] * widths - missing
    squares = sent["squares"] * (told / np.maximum(sent["count"], 1))
    return {
        "examples": np.where(enough, sent["examples"], 0),
        "labels": np.where(enough[:, None], labels, 0),
        "missing": missing,
        "count": np.where(stays, told, 0),
        "mean": np.where(stays, sent["mean"], 0),
        "squares": np.where(stays, squares, 0),
        "least": np.full(stays.shape, np.inf),
        "greatest": np.full(stays.shape, -np.inf),
    }


def without_few(labels: np.ndarray, minimum: int) -> np.ndarray:
    """Counts `[clients, classes]` with 0 for those below `minimum`.

    Where all that a client holds back is less than `minimum`, its total would tell it, so the least
    count that is left goes, too ("complementary suppression").
    """
    kept = np.where(labels >= minimum, labels, 0)
    hidden = labels.sum(axis=1) - kept.sum(axis=1)
    tells = np.flatnonzero((hidden > 0) & (hidden < minimum))
    if kept.shape[1]:
        most = np.iinfo(kept.dtype).max
        kept[tells, np.where(kept[tells] > 0, kept[tells], most).argmin(axis=1)] = 0
    return kept


def summed_histograms(
    examples: Examples, low: np.ndarray, high: np.ndarray, minimum: int
) -> np.ndarray:
    """The `local_histograms` of all clients, summed in groups of clients.

    int64 `[groups, features, BINS]`: a million clients need no million histograms, for a sum of
    sums is the sum.
    """

    def summed(group: Examples) -> np.ndarray:
        counts = [
            histogram.summed_histograms(
                f.array, group.offsets, low[f.place], high[f.place], group_size(f, minimum)
            )
            for f in fields_of(group)
        ]
        return np.concatenate(counts)

    return np.stack(in_groups(examples, summed))


def in_groups(examples: Examples, of_group: Callable[[Examples], T]) -> list[T]:
    """`of_group` of groups of consecutive clients, on all cores."""
    clients = len(examples.offsets) - 1
    bounds = np.linspace(0, clients, min(GROUPS, clients) + 1).astype(int)

    def group(first: int, last: int) -> T:
        offsets = examples.offsets[first : last + 1]
        x, y = take((examples.x, examples.y), slice(offsets[0], offsets[-1]))
        return of_group(examples._replace(x=x, y=y, offsets=offsets - offsets[0]))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(group, bounds[:-1], bounds[1:]))


def fields_of(examples: Examples) -> list[Field]:
    """The arrays that are described, and which of their values are one feature."""
    leaves = real_leaves("x", examples.x)
    leaves += real_leaves("y", examples.y) if examples.classes is None else []
    fields: list[Field] = []
    for name, array in leaves:
        table = array.ndim == 2 and array.shape[1] <= COLUMNS
        names = [f"{name}[:, {column}]" for column in range(array.shape[1])] if table else [name]
        first = fields[-1].place.stop if fields else 0
        place = slice(first, first + len(names))
        fields.append(Field(names, array, place, array[0].size // len(names)))
    if not fields:
        raise DataError("x holds no values; expected at least one number an example")
    return fields


def group_size(field: Field, minimum: int) -> int:
    """How many of a field's values a histogram counts at a time."""
    return minimum * field.width if minimum > 1 else 1
