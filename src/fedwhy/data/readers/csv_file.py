"""CSV files read by Arrow, with errors that name the line."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fedwhy.errors import DataError

GZIP = b"\x1f\x8b"


def read_csv(path: Path, text: str | None) -> Any:
    """A `pyarrow.Table` of a file with a line of column names, plain or compressed by gzip.

    The column `text` stays text: as ids, 007 and 7 differ. Raises `DataError` for a file that is
    empty, not UTF-8, or has a line with more or fewer values than the first.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    # Types are found from all rows. A quoted value may span lines.
    parsing = arrow.ParseOptions(newlines_in_values=True)
    converting = arrow.ConvertOptions(column_types={text: pa.large_string()} if text else {})
    try:
        with pa.input_stream(str(path), compression="gzip" if is_gzip(path) else None) as file:
            table = arrow.read_csv(file, parse_options=parsing, convert_options=converting)
        binary = any(pa.types.is_binary(field.type) for field in table.schema)
        "".join(table.column_names)  # Decoded here.
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except (pa.ArrowException, OSError) as error:
        raise explain(path, error) from error
    if binary:  # What Arrow makes of text that is not UTF-8.
        raise not_utf8(path)
    return table


def explain(path: Path, error: Exception) -> DataError:
    """What is wrong with a file that Arrow cannot read."""
    try:
        read_to_end(path)  # Damage may look like text of any kind, and shows in the checksum.
    except (OSError, EOFError, zlib.error) as damage:
        return DataError(f"{path}: cannot be decompressed ({damage}); fetch the file again")
    try:
        for line, values, expected in ragged_rows(path):
            return DataError(
                f"{path}, line {line}: has {values} values, the first line has {expected}; "
                "quote values that hold commas"
            )
    except UnicodeDecodeError:
        return not_utf8(path)
    except csv.Error:
        pass  # What Arrow says of it is as good.
    if path.stat().st_size == 0:
        return DataError(f"{path}: is empty; expected a line of column names and lines of values")
    return DataError(f"{path}: cannot be read as CSV ({error})")


def read_to_end(path: Path) -> None:
    """Raises what `gzip` does for a compressed file that is damaged."""
    if is_gzip(path):
        with gzip.open(path) as file:
            while file.read(1 << 20):
                pass


def ragged_rows(path: Path) -> Iterator[tuple[int, int, int]]:
    """The line, the number of values, and that of the first line, where the two differ."""
    with open_text(path) as file:
        rows = csv.reader(file)
        expected = len(next(rows, []))
        for row in rows:
            if row and len(row) != expected:
                yield rows.line_num, len(row), expected


def not_utf8(path: Path) -> DataError:
    """The error for text in another encoding, with the first line that shows it."""
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return DataError(f"{path}, line {number}: is not UTF-8; save the file as UTF-8")
    return DataError(f"{path}: is not UTF-8; save the file as UTF-8")


def line_of(path: Path, row: int) -> int:
    """The line on which a row of values begins, rows counted from 0 and lines from 1."""
    record, quoted, start = -1, False, 1
    with open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            if not quoted:
                start = number
                if not line.strip(b"\r\n"):  # No row to Arrow.
                    continue
            quoted ^= line.count(b'"') % 2 == 1
            if not quoted:
                if record == row:
                    return start
                record += 1
    return start


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip's do."""
    with path.open("rb") as file:
        return file.read(2) == GZIP


def open_bytes(path: Path) -> Any:
    """The file's bytes, decompressed."""
    return gzip.open(path, "rb") if is_gzip(path) else path.open("rb")


def open_text(path: Path) -> Any:
    """The file's text, decompressed, for Python's own `csv`."""
    opened = gzip.open if is_gzip(path) else open
    return opened(path, "rt", encoding="utf-8", newline="")
