"""`Labels`: which labels clients hold, whatever is wrong with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedwhy.data.arrays import row_blocks
from fedwhy.data.stats import count_labels

CLASS_NUMBERS, ONE_HOT, FLOATS, NUMBERS = "class numbers", "one-hot", "floats", "numbers"
STRATA = 10  # Of targets that are no classes: their deciles.


class Labels(NamedTuple):
    """The labels of groups of examples, such as clients.

    - `form`: class numbers; one-hot vectors; whole numbers kept as floats; any other numbers
    - `least`, `greatest`: of all groups together, of what is finite
    - `counts`: int64 `[groups, classes]`, of labels in `0..classes-1`, over all positions of
      sequences; of one-hot vectors by the place of the 1. `[groups, 0]` of numbers, and where it is
      not known how many classes there are
    - `outside`: int64 `[groups]`, labels that are in no class
    """

    form: str
    least: float
    greatest: float
    counts: np.ndarray
    outside: np.ndarray

    @property
    def classes(self) -> int:
        """How many classes are counted."""
        return self.counts.shape[1]

    @property
    def shares(self) -> np.ndarray:
        """The share of each class in all groups together, float64 `[classes]`."""
        total = self.counts.sum(axis=0)
        return total / max(total.sum(), 1)


def labels_of(
    y: np.ndarray, offsets: np.ndarray, classes: int | None, ignored_class: int | None = None
) -> Labels:
    """The labels of groups, of which number g owns rows `offsets[g]:offsets[g + 1]` of `y`."""
    form = form_of(y)
    numbers = y.argmax(-1) if form == ONE_HOT else y
    classes = y.shape[-1] if form == ONE_HOT else classes
    counting = np.isfinite(numbers)
    if ignored_class is not None and classes is not None and not 0 <= ignored_class < classes:
        counting &= numbers != ignored_class  # No label, but a mark.
    finite = numbers[counting]
    ends = (float(finite.min()), float(finite.max())) if finite.size else (np.nan, np.nan)
    if classes is None or form == NUMBERS:
        none = np.zeros((len(offsets) - 1, 0), np.int64)
        return Labels(form, *ends, none, np.zeros(len(offsets) - 1, np.int64))
    known = (numbers >= 0) & (numbers < classes)
    counted = count_labels(np.where(known, numbers, classes), offsets, classes + 1)
    outside = counted[:, classes]
    if ignored_class is not None:
        ignored = np.where(~known & (numbers == ignored_class), 0, 1)
        outside = outside - count_labels(ignored, offsets, 2)[:, 0]
    return Labels(form, *ends, counted[:, :classes], outside)


def form_of(y: np.ndarray) -> str:
    """What `y` `[examples, ...]` holds."""
    if y.ndim > 1 and y.shape[-1] > 1 and is_one_hot(y):
        return ONE_HOT
    if y.dtype.kind in "iub":
        return CLASS_NUMBERS
    whole = all((y[rows] == np.floor(y[rows])).all() for rows in row_blocks(y))
    return FLOATS if whole and y.ndim == 1 else NUMBERS


def is_one_hot(y: np.ndarray) -> bool:
    """Whether every vector of the last axis is a single 1 among zeros."""
    blocks = (y[rows] for rows in row_blocks(y))
    return all(
        ((part == 0) | (part == 1)).all() and (part.sum(axis=-1) == 1).all() for part in blocks
    )


def strata_of(y: np.ndarray) -> np.ndarray:
    """A group of like examples for each target, int64 `[examples]`, from 0 on without gaps.

    These are the classes; of sequences, the label that comes first; of numbers, their deciles.
    """
    form = form_of(y)
    flat = (y.argmax(-1) if form == ONE_HOT else y).reshape(len(y), -1)[:, 0]
    if form == NUMBERS:
        inner = np.nanquantile(flat, np.arange(1, STRATA) / STRATA)
        flat = np.searchsorted(inner, flat)
    return np.unique(flat, return_inverse=True)[1]
