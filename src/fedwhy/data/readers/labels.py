"""Class labels as int32, from the whole numbers that other programs may store as floats."""

from collections.abc import Callable

import numpy as np

from fedwhy.errors import DataError

Place = Callable[[int], str]  # names the label of a row in a message


def class_labels(y: np.ndarray, classes: int | None, place: Place) -> np.ndarray:
    """`y` itself, but where `classes` are told and it holds floats, as int32 `[examples]`.

    Raises `DataError` for floats that are no labels: not whole, or several for an example.
    """
    if classes is None or y.dtype.kind != "f" or not y.ndim:
        return y
    if y.ndim > 1:
        raise DataError(
            f"{place(0)} is {y.dtype}{list(y.shape[1:])}, expected a whole number; use argmax(-1) "
            "if labels are one-hot, or leave classes out"
        )
    return to_labels(y, place, "correct it, or leave classes out if y is a quantity")


def to_labels(values: np.ndarray, place: Place, advice: str) -> np.ndarray:
    """`values` `[examples]` as int32.

    Raises `DataError` for the first that is no whole number, or none that int32 holds.
    """
    if values.dtype.kind not in "iuf":
        raise DataError(f"{place(0)} is of type {values.dtype}, expected whole numbers; {advice}")
    with np.errstate(invalid="ignore"):
        labels = values.astype(np.int32)
    whole = labels == values
    if not whole.all():
        row = int(np.argmin(whole))
        raise DataError(f"{place(row)} is {values[row]}, expected a whole number; {advice}")
    return labels
