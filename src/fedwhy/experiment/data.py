"""`[data]`, `[partition]` and `[shift]` of an experiment file: who holds which examples."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data import (
    PARTITIONS,
    POISONS,
    SHIFTS,
    Dataset,
    FederatedDataset,
    Source,
    load,
    partition,
    read,
    shift,
)
from fedwhy.data.arrays import check_alike
from fedwhy.experiment import tables as schema
from fedwhy.experiment.attacking import positions
from fedwhy.experiment.file import ExperimentFile, Table
from fedwhy.experiment.own_code import call

log = logging.getLogger("fedwhy")

# Shifts that falsify what is learned. The others belong to a client, and so to its tests.
FALSE = ("labels", *POISONS)


class Data(NamedTuple):
    """What clients train on, the central test set, and what clients hold out to test on, if any."""

    clients: FederatedDataset
    test: Dataset | None = None
    test_clients: FederatedDataset | None = None

    @property
    def tested(self) -> FederatedDataset:
        """What clients are tested on: what they hold out, or else what they train on."""
        return self.clients if self.test_clients is None else self.test_clients


def data(file: ExperimentFile, tables: dict[str, Table]) -> Data:
    """The clients, their examples changed as `[shift]` says, and what they are tested on.

    The user's own function may return a `FederatedDataset`, a pair of one and a test set, or a
    `Source` (central train and test sets) for `[partition]` to deal out. A test set with clients is
    pooled, and those of them who also train hold out what they have in it. Raises
    `ExperimentError` for anything else.
    """
    table = tables["data"]
    if isinstance(table, schema.OwnData):
        source = call(file, "data.python", table.python)
    elif isinstance(table, schema.FileData):
        source = from_files(file, table)
    else:
        with file.blame("data"):
            source = load(**table.model_dump(exclude_none=True))
    pair = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
    clients, test = pair
    if isinstance(source, Source) and isinstance(clients, Dataset) and isinstance(test, Dataset):
        train, held = dealt(file, tables, clients)
        return shifted(file, tables, Data(train, test, held))
    if not isinstance(clients, FederatedDataset) or not isinstance(
        test, Dataset | FederatedDataset | None
    ):
        raise file.error(
            "data.python",
            "expected a FederatedDataset, a pair (FederatedDataset, Dataset) of clients and "
            "test set, or fw.Source(fw.Dataset(x, y, classes=...), fw.Dataset(...)) of train "
            f"and test set, given {described(source)}",
        )
    if "partition" in tables:
        raise file.error("partition", "the data already has clients; leave this table out")
    if not isinstance(test, FederatedDataset):
        return shifted(file, tables, Data(clients, test))
    return shifted(file, tables, Data(clients, test.pooled(), held_by(clients, test)))


def held_by(clients: FederatedDataset, test: FederatedDataset) -> FederatedDataset | None:
    """The part of `test` whose clients train; None where none of them does."""
    comparable = test.ids.dtype.kind == clients.ids.dtype.kind
    known = np.isin(test.ids, clients.ids) if comparable else np.zeros(test.clients, bool)
    if known.all() or not known.any():
        return test if known.all() else None
    strangers = test.clients - int(known.sum())
    log.info(
        f"{strangers} of {test.clients} clients with test examples do not train: they count in the "
        "test set, and not where clients are tested"
    )
    return test.select(known)


def from_files(
    file: ExperimentFile, table: schema.FileData
) -> tuple[FederatedDataset, FederatedDataset]:
    """The clients in the user's files, each split into train and test examples."""
    options = table.model_dump(exclude={"path", "test"})
    paths = [file.folder / path for path in listed(table.path)]
    if not paths:
        raise file.error("data.path", "expected a file or several, given none")
    with file.blame("data"):
        clients = read(paths[0] if isinstance(table.path, str) else paths, **options)
        return clients.split(table.test)


def dealt(
    file: ExperimentFile, tables: dict[str, Table], dataset: Dataset
) -> tuple[FederatedDataset, FederatedDataset | None]:
    """Central examples, dealt to clients as `[partition]` says, and what these hold out."""
    if "partition" not in tables:
        raise file.error(
            "data.python", "its data have no clients; add a [partition] table to deal them out"
        )
    values = tables["partition"].model_dump()
    name, clients, seed, test = (values.pop(key) for key in ("name", "clients", "seed", "test"))
    with file.blame("partition"):
        every = partition(dataset, PARTITIONS[name](**values), clients=clients, seed=seed)
        return every.split(test, seed) if test else (every, None)


def shifted(file: ExperimentFile, tables: dict[str, Table], data: Data) -> Data:
    """`data` whose clients' examples are changed as `[shift]` says.

    What clients hold out is changed like what they train on, but for labels and poison: these are
    wrong, and tests are to tell.
    """
    if "shift" not in tables:
        return data
    values = tables["shift"].model_dump()
    name, seed = values.pop("name"), values.pop("seed")
    with file.blame("shift"):
        if name in POISONS:
            values["clients"] = positions(values["clients"], data.clients.clients, seed)
        by = SHIFTS[name](**values)
        if data.test_clients is None or name in FALSE:
            return data._replace(clients=shift(data.clients, by, seed=seed))
        train, held = together(
            lambda every: shift(every, by, seed=seed), data.clients, data.test_clients
        )
        return data._replace(clients=train, test_clients=held)


def together(
    change: Callable[[FederatedDataset], FederatedDataset],
    train: FederatedDataset,
    held: FederatedDataset,
) -> tuple[FederatedDataset, FederatedDataset]:
    """`train` and `held` as `change` makes them where each client holds the examples of both.

    Raises `DataError` where they are built differently.
    """
    check_alike((train.x, train.y), (held.x, held.y), f"what clients of {held.name} are tested on")
    owner = np.concatenate([train.owner, train.positions(held.ids)[held.owner]])
    x, y = jax.tree.map(lambda *parts: np.concatenate(parts), (train.x, train.y), (held.x, held.y))
    joined = FederatedDataset.from_arrays(x, y, owner, name=train.name, classes=train.classes)
    every, place = change(joined), np.argsort(np.argsort(owner, kind="stable"))

    def part(data: FederatedDataset, rows: np.ndarray) -> FederatedDataset:
        return replace(data, x=jax.tree.map(lambda leaf: leaf[rows], every.x), y=every.y[rows])

    return part(train, place[: len(train)]), part(held, place[len(train) :])


def data_table(given: dict[str, Any]) -> type[Table]:
    """The kind of `[data]` that these keys make."""
    if "python" in given:
        return schema.OwnData
    return schema.FileData if "path" in given else schema.NamedData


def listed(value: str | list[str]) -> list[str]:
    """One text as a list, too."""
    return [value] if isinstance(value, str) else value


def described(value: Any) -> str:
    """What the user's function gave, by its type; the members of a tuple by theirs."""
    if not isinstance(value, tuple):
        return type(value).__name__
    members = ", ".join(type(member).__name__ for member in value)
    return f"a {type(value).__name__} of {len(value)} ({members})"
