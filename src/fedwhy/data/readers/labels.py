"""Class labels as int32, from the whole numbers that other programs may store as floats."""

from collections.abc import Callable

import numpy as np

from fedwhy.errors import DataError


def to_labels(values: np.ndarray, place: Callable[[int], str]) -> np.ndarray:
    """`values` `[examples, ...]` as int32; `place` names an example in a message.

    Raises `DataError` for the first that is no whole number, or none that int32 holds.
    """
    if values.dtype.kind not in "iuf":
        raise DataError(f"{place(0)} is of type {values.dtype}; expected whole numbers")
    with np.errstate(invalid="ignore"):
        labels = values.astype(np.int32)
    same = (labels == values).reshape(len(values), -1).all(axis=1)
    if not same.all():
        row = int(np.argmin(same))
        raise DataError(f"{place(row)} is {values[row]}; expected whole numbers, from 0, as labels")
    return labels
