"""Hugging Face's `datasets`, read as the Arrow tables that they are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.columns import MakeExamples, choose, make_examples
from fedwhy.data.readers.grouping import columns_by_client, find_clients, group_rows
from fedwhy.data.readers.images import read_images
from fedwhy.data.readers.stream import from_stream, keep
from fedwhy.data.readers.tables import (
    Features,
    Table,
    check_columns,
    take_columns,
    take_examples,
    take_targets,
)
from fedwhy.errors import DataError, ParameterError


def read_hugging_face(
    source: Any,
    *,
    client: str | None,
    x: Features | None,
    y: str | None,
    examples: MakeExamples | None,
    split: str | None,
    into: str | Path | None,
    **about: Any,
) -> FederatedDataset:
    """The rows of a `datasets.Dataset`, or of a `split` of a `DatasetDict`, by a column of clients.

    `x`, `y` and `examples` are as for tables; besides, `x` may be a column of images, decoded to
    uint8 `[examples, height, width, channels]`. A `ClassLabel` tells how many classes `y` has.
    """
    import datasets

    data = choose_split(source, split)
    name = about["name"]
    if client is None:
        has = ", ".join(data.column_names)
        raise ParameterError("client", f"name the column that holds the clients; {name} has {has}")
    table = Table(name, data.with_format("arrow")[:])
    if not table.columns.num_rows:
        raise DataError(f"{name}: has no rows")
    check_columns([table], [client])
    ids, owner = find_clients(table.columns[client], client, table.place)
    kinds = data.features
    images = [column for column, kind in kinds.items() if isinstance(kind, datasets.Image)]
    if examples is not None:
        rest = take_columns([table._replace(columns=table.columns.drop_columns(images))])
        columns = rest | {image: decode(table, image) for image in images}
        clients = columns_by_client(columns, ids, owner)
        chooser = choose(x, y, examples)
        return from_stream(make_examples(clients, chooser, name), into=into, **about)
    if y in kinds and about["classes"] is None and isinstance(kinds[y], datasets.ClassLabel):
        about["classes"] = kinds[y].num_classes
    if isinstance(x, str) and x in images:
        parts = decode(table, x), take_targets([table], y, about["classes"])
    else:
        parts = take_examples([table], client, x, y, about["classes"])
    return keep(group_rows(*parts, ids, owner, **about), into)


def choose_split(source: Any, split: str | None) -> Any:
    """The `datasets.Dataset` to read."""
    import datasets

    if isinstance(source, datasets.Dataset):
        if split is not None:
            raise ParameterError("split", "does not apply to a Dataset; leave it out")
        return source
    if isinstance(source, datasets.DatasetDict):
        if split not in source:
            known = ", ".join(map(str, source))
            raise ParameterError("split", f"given {split!r}; the splits are: {known}")
        return source[split]
    raise DataError(
        f"a {type(source).__name__} has no table to read; load the dataset without streaming=True"
    )


def decode(table: Table, column: str) -> np.ndarray:
    """A column of images as `[rows, height, width, channels]`."""

    def sources() -> Iterator[tuple[Path | bytes, str]]:
        for row, value in enumerate(table.columns[column]):
            stored, place = value.as_py(), f"{table.name}, row {row} (from 0), {column}"
            if stored is None or (stored["bytes"] is None and stored["path"] is None):
                raise DataError(f"{place}: is missing; leave the row out")
            yield stored["bytes"] or Path(stored["path"]), place

    return read_images(sources())
