"""Columns of Arrow tables, as CSV, Parquet and Hugging Face datasets give them, as NumPy arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fedwhy.data.readers.columns import short
from fedwhy.errors import DataError

Column = Any  # pyarrow.ChunkedArray, of a library that need not be installed.
Place = Callable[[int], str]  # names a row, counted from 0, in a message

NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
# As people write them: 1,234.5 or 1'234 or 0,5 or 12 %.
WRITTEN = r"^\s*[-+]?(\d+([.,]\d+)?|\d{1,3}([,']\d{3})+(\.\d+)?)\s*%?\s*$"


def compute() -> Any:
    """Arrow's functions on columns, which no type checker sees: they are made on import."""
    import pyarrow.compute

    return pyarrow.compute


def is_number(column: Column) -> bool:
    """Whether a column holds numbers or truth values, or nothing at all."""
    from pyarrow import types

    kind = column.type
    return (
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
        or types.is_null(kind)
    )


def looks_like_numbers(column: Column) -> bool:
    """Whether a column of text holds a number somewhere."""
    from pyarrow import large_string, types

    if not (types.is_string(column.type) or types.is_large_string(column.type)):
        return False
    found = compute().match_substring_regex(column.cast(large_string()), f"{NUMBER}|{WRITTEN}")
    return bool(compute().any(found).as_py())


def to_numbers(column: Column, field: str, place: Place) -> np.ndarray:
    """A column of numbers `[rows]`, or of (nested) lists of one length `[rows, ...]`.

    Raises `DataError` for the first row where something is missing, not finite, or no number.
    """
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([chunk.storage for chunk in column.chunks])
    if column.null_count:
        row = first(column.is_null())
        raise DataError(f"{place(row)}: {field} is missing; fill it in or leave the row out")
    if pa.types.is_list(column.type) or is_other_list(column.type):
        lengths = compute().list_value_length(column).to_numpy()
        width = int(lengths[0]) if len(lengths) else 0
        if (lengths != width).any():
            row = int(np.argmax(lengths != width))
            raise DataError(
                f"{place(row)}: {field} has {lengths[row]} values, the first row has {width}; "
                "pad or cut all rows to one length"
            )
        inner = to_numbers(compute().list_flatten(column), field, lambda i: place(i // width))
        return inner.reshape(len(column), width, *inner.shape[1:])
    if not is_number(column):
        raise text_error(column, field, place)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values = column.to_numpy()
    check_finite(values, values, field, place)
    return values


def is_other_list(kind: Any) -> bool:
    """Whether a type is one of Arrow's lists with wide offsets or a fixed length."""
    from pyarrow import types

    return types.is_large_list(kind) or types.is_fixed_size_list(kind)


def stack_features(columns: dict[str, Column], place: Place) -> np.ndarray:
    """Columns of single numbers as float32 `[rows, features]`."""
    rows = len(next(iter(columns.values())))
    x = np.empty((rows, len(columns)), np.float32)
    for number, (field, column) in enumerate(columns.items()):
        values = to_numbers(column, field, place)
        if values.ndim > 1:
            raise DataError(
                f"{place(0)}: {field} holds lists, which cannot be stacked with other columns; "
                f"give it alone: x={field!r}"
            )
        x[:, number] = narrow(values, np.float32, field, place)
    return x


def narrow_numbers(column: Column, field: str, place: Place) -> np.ndarray:
    """A column as 32-bit numbers: whole ones as int32 (of uint8, as they are), others float32."""
    values = to_numbers(column, field, place)
    if values.dtype == np.uint8:
        return values
    return narrow(values, np.float32 if values.dtype.kind == "f" else np.int32, field, place)


def narrow(values: np.ndarray, dtype: Any, field: str, place: Place) -> np.ndarray:
    """`values` as `dtype`; raises `DataError` for the first that it cannot hold."""
    with np.errstate(over="ignore"):
        narrowed = values.astype(dtype)
    if narrowed.dtype.kind == "f":
        check_finite(narrowed, values, field, place)
    elif (narrowed != values).any():
        raise unfit(narrowed == values, values, field, place, f"does not fit {narrowed.dtype}")
    return narrowed


def check_finite(found: np.ndarray, values: np.ndarray, field: str, place: Place) -> None:
    """Raises `DataError` where `found` is not finite, naming what `values` holds there."""
    if found.dtype.kind == "f" and not np.isfinite(found).all():
        raise unfit(np.isfinite(found), values, field, place, "is no finite float32 number")


def unfit(good: np.ndarray, values: np.ndarray, field: str, place: Place, why: str) -> DataError:
    """The error for the first value that is not `good`."""
    row = int(np.argmin(good.reshape(len(good), -1).all(axis=1)))
    value = values[row][~good[row]].flat[0] if values.ndim > 1 else values[row]
    return DataError(f"{place(row)}: {field} holds {value}, which {why}; repair or rescale it")


def text_error(column: Column, field: str, place: Place) -> DataError:
    """The error for a column that should hold numbers, with the first value that is none."""
    from pyarrow import large_string, types

    row = 0
    if types.is_string(column.type) or types.is_large_string(column.type):
        row = first(
            compute().invert(compute().match_substring_regex(column.cast(large_string()), NUMBER))
        )
    value = short(column[row].as_py())
    return DataError(
        f"{place(row)}: {field} holds {value}, which is no number; repair it, or encode text as "
        "numbers, in the file or with examples=function(columns) -> (x, y)"
    )


def first(truth: Column) -> int:
    """The first row where a column is true; 0 if none is."""
    return int(np.argmax(truth.to_numpy()))
