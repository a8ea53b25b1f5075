"""CSV and Parquet files, read by Arrow.

Arrow is columnar and reads on all cores, is the reference implementation of Parquet, and makes no
Python object for a value: a table of millions of rows goes from the file to NumPy in blocks.
"""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.arrow import (
    is_number,
    looks_like_numbers,
    narrow_numbers,
    stack_features,
    text_error,
)
from fedwhy.data.readers.columns import (
    MakeExamples,
    as_names,
    choose,
    make_examples,
    missing_column,
)
from fedwhy.data.readers.csv_file import line_of, read_csv
from fedwhy.data.readers.extras import use
from fedwhy.data.readers.grouping import columns_by_client, find_clients, group_rows
from fedwhy.data.readers.labels import class_labels
from fedwhy.data.readers.stream import from_stream, keep
from fedwhy.errors import DataError, ParameterError

log = logging.getLogger("fedwhy")

PARQUET = b"PAR1"
SUFFIXES = (".csv", ".csv.gz", ".parquet")

Features = str | Sequence[str]


class Table(NamedTuple):
    """The columns of a file or a dataset: a `pyarrow.Table`, and what to call its rows."""

    name: str
    columns: Any
    csv: Path | None = None

    def place(self, row: int) -> str:
        """Names a row, counted from 0, in a message."""
        if self.csv is None:
            return f"{self.name}, row {row} (from 0)"
        return f"{self.name}, line {line_of(self.csv, row)}"


def read_tables(
    files: Sequence[Path],
    *,
    client: str | None,
    x: Features | None,
    y: str | None,
    examples: MakeExamples | None,
    into: str | Path | None,
    owners: Sequence[str] | None = None,
    **about: Any,
) -> FederatedDataset:
    """The rows of CSV and Parquet files, by the client that the column `client` names.

    Without `client`, each file is a client, with the id in `owners`, or else the file's name. `x`
    are columns of numbers, stacked as float32 `[examples, features]` (by default all but `client`
    and `y`), or one column of lists `[examples, ...]`; `y` is a column of numbers, int32 where they
    are whole and float32 else; with `classes`, whole ones stored as floats are int32 too. Instead,
    `examples` makes x and y of a client's columns, among which text comes as object arrays.
    """
    if client is None and owners is None:
        owners = [stem(file) for file in files]
        check_owners(files, owners)
    tables = [read_table(file, client) for file in files]
    check_columns(tables, [] if client is None else [client])
    ids, owner = clients_of(tables, client, owners)
    if examples is None:
        parts = take_examples(tables, client, x, y, about["classes"])
        return keep(group_rows(*parts, ids, owner, **about), into)
    source = tables[0].name if len(files) == 1 else str(files[0].parent)
    clients = columns_by_client(take_columns(tables), ids, owner)
    return from_stream(make_examples(clients, choose(x, y, examples), source), into=into, **about)


def take_examples(
    tables: Sequence[Table],
    client: str | None,
    x: Features | None,
    y: str | None,
    classes: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Features and targets of all rows."""
    targets = take_targets(tables, y, classes)
    names = common_features(tables, {client, y}) if x is None else as_names(x)
    check_columns(tables, names)
    return join(tables, "x", [take_features(table, names) for table in tables]), targets


def take_targets(tables: Sequence[Table], y: str | None, classes: int | None) -> np.ndarray:
    """The column `y` of all tables, of whole numbers where `classes` are told."""
    if y is None:
        names = ", ".join(tables[0].columns.column_names)
        raise ParameterError("y", f"name the column to learn; {tables[0].name} has {names}")
    check_columns(tables, [y])
    return join(tables, "y", [take_labels(table, y, classes) for table in tables])


def take_labels(table: Table, y: str, classes: int | None) -> np.ndarray:
    """The column `y` of one table."""
    values = narrow_numbers(table.columns[y], y, table.place)
    return class_labels(values, classes, lambda row: f"{table.place(row)}: {y}")


def take_features(table: Table, names: Sequence[str]) -> np.ndarray:
    """Columns of numbers stacked, or one column of lists."""
    chosen = {name: table.columns[name] for name in names}
    if len(names) == 1 and not is_number(chosen[names[0]]):
        return narrow_numbers(chosen[names[0]], names[0], table.place)
    return stack_features(chosen, table.place)


def common_features(tables: Sequence[Table], others: set[str | None]) -> list[str]:
    """The columns of numbers but `others`, which must be the same in every table.

    A warning names the columns that are left out.
    """
    names = number_columns(tables[0], others)
    for table in tables[1:]:
        differing = set(names) ^ set(number_columns(table, others))
        if differing:
            raise DataError(
                f"{table.name}: has other columns of numbers than {tables[0].name} (they differ in "
                f"{', '.join(sorted(differing))}); name the features with x"
            )
    found = dict.fromkeys(name for table in tables for name in table.columns.column_names)
    left_out = [name for name in found if name not in {*names, *others}]
    if left_out:
        log.warning(
            "%s: columns that hold no numbers are left out: %s; name the features with x, or "
            "encode these as numbers",
            tables[0].name,
            ", ".join(left_out),
        )
    return names


def number_columns(table: Table, others: set[str | None]) -> list[str]:
    """The columns of numbers of one table but `others`.

    Text is left out, unless it holds a number somewhere: then it is a column of numbers with
    something else in it, and leaving it out without a word would be wrong.
    """
    names = []
    for name in table.columns.column_names:
        column = table.columns[name]
        if name in others:
            continue
        if looks_like_numbers(column):
            raise text_error(column, name, table.place)
        if is_number(column):
            names.append(name)
    if not names:
        raise DataError(f"{table.name}: has no other columns of numbers; name the features with x")
    return names


def take_columns(tables: Sequence[Table]) -> dict[str, np.ndarray]:
    """All columns as NumPy arrays `[rows]`: numbers with nan where one is missing, or objects."""
    names = tables[0].columns.column_names
    check_columns(tables, names)
    return {n: np.concatenate([t.columns[n].to_numpy() for t in tables]) for n in names}


def clients_of(
    tables: Sequence[Table], client: str | None, owners: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted ids `[clients]`, and the position of each row's client `[rows]`."""
    if client is None:
        ids, position = np.unique(np.array(owners), return_inverse=True)
        return ids, np.repeat(position, [table.columns.num_rows for table in tables])
    found = [find_clients(table.columns[client], client, table.place) for table in tables]
    if len({ids.dtype.kind for ids, _ in found}) > 1:
        raise DataError(
            f"{client} is text in some files and numbers in others; make it text in all"
        )
    ids, position = np.unique(np.concatenate([ids for ids, _ in found]), return_inverse=True)
    parts = np.split(position, np.cumsum([len(ids) for ids, _ in found])[:-1])
    owner = [part[own] for part, (_, own) in zip(parts, found, strict=True)]
    return ids, np.concatenate(owner)


def read_table(path: Path, client: str | None) -> Table:
    """A file's table; raises `DataError` for one that is damaged or has no rows."""
    pa = use("pyarrow", "tables", f"reading {path}")
    with path.open("rb") as file:
        parquet = file.read(len(PARQUET)) == PARQUET
    if not parquet and path.suffix.lower() == ".parquet":
        raise DataError(f"{path}: does not begin as a Parquet file; write it again")
    if parquet:
        from pyarrow.parquet import ParquetFile

        try:
            with ParquetFile(path) as file:
                table = Table(str(path), file.read())
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{path}: cannot be read as Parquet ({error})") from error
    else:
        table = Table(str(path), read_csv(path, client), csv=path)
    names = table.columns.column_names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}: has two columns {twice!r}; rename one")
    if not table.columns.num_rows:
        raise DataError(f"{path}: has column names, but no rows")
    return table


def check_columns(tables: Sequence[Table], names: Iterable[str]) -> None:
    """Raises `DataError` where a table lacks one of the columns."""
    for table in tables:
        for name in names:
            if name not in table.columns.column_names:
                raise missing_column(table.name, name, table.columns.column_names)


def check_owners(files: Sequence[Path], owners: Sequence[str]) -> None:
    """Raises `DataError` where two files have the name of one client."""
    seen: dict[str, Path] = {}
    for file, owner in zip(files, owners, strict=True):
        if owner in seen:
            raise DataError(
                f"{file}: client {owner!r} is also in {seen[owner]}; rename one of the files, or "
                "name the column that holds the clients: client=..."
            )
        seen[owner] = file


def join(tables: Sequence[Table], field: str, parts: list[np.ndarray]) -> np.ndarray:
    """The rows of all tables; raises `DataError` where theirs have other shapes or types."""
    for table, part in zip(tables, parts, strict=True):
        if (part.dtype, part.shape[1:]) != (parts[0].dtype, parts[0].shape[1:]):
            raise DataError(
                f"{table.name}: {field} is {part.dtype}{list(part.shape[1:])} a row, in "
                f"{tables[0].name} it is {parts[0].dtype}{list(parts[0].shape[1:])}"
            )
    return np.concatenate(parts)


def is_table(path: Path) -> bool:
    """Whether a file is named as CSV and Parquet files are."""
    return path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The file's name without .csv, .csv.gz or .parquet."""
    name = path.name[:-3] if path.suffix.lower() == ".gz" else path.name
    return name.rpartition(".")[0] or path.name
