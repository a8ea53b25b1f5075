"""`Dataset`: examples in one place."""

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedwhy.data.arrays import count_examples, describe, to_array, to_arrays
from fedwhy.errors import ParameterError, whole_number

PyTree = Any


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples and their targets.

    - `x`: an array `[examples, ...]` or a dict or tuple of such arrays
    - `y`: an array `[examples, ...]`
    - `classes`: how many classes there are, where `y` holds class numbers from 0; None elsewhere
    - `task`: what is to be learned, in a word; for reading only

    Raises `DataError` where x and y differ in length, are empty, or are no arrays of numbers.
    Whether the values are usable is a question for `check_values`.
    """

    x: PyTree
    y: np.ndarray
    name: str = "data"
    classes: int | None = None
    task: str = "classification"

    def __post_init__(self):
        object.__setattr__(self, "x", to_arrays("x", self.x))
        object.__setattr__(self, "y", to_array("y", self.y))
        object.__setattr__(self, "classes", to_classes(self.classes))
        count_examples(self.name, self.x, self.y)

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.y)

    def __repr__(self) -> str:
        return f"Dataset({summary(self)})"

    def place(self, row: int) -> str:
        """Names a row in an error message."""
        return f"{self.name}, example {row}"


def to_classes(classes: Any) -> int | None:
    """`classes` as an int, which NumPy's integers are not; raises `ParameterError` if below 1."""
    if classes is None:
        return None
    try:
        return whole_number("classes", operator.index(classes), at_least=1)
    except TypeError as error:
        raise ParameterError("classes", f"expected a whole number, given {classes!r}") from error


def summary(data: Any) -> str:
    """One line on a dataset, for `repr`."""
    classes = f", {data.classes} classes" if data.classes is not None else ""
    fields = f"x {describe(data.x)}, y {describe(data.y)}"
    return f"{data.name!r}, {len(data)} examples, {fields}{classes}"
