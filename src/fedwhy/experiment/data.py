"""`[data]`, `[partition]` and `[shift]` of an experiment file: who holds which examples."""

from typing import Any

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
from fedwhy.experiment import tables as schema
from fedwhy.experiment.attacking import positions
from fedwhy.experiment.file import ExperimentFile, Table
from fedwhy.experiment.own_code import call


def data(file: ExperimentFile, tables: dict[str, Table]) -> tuple[FederatedDataset, Dataset | None]:
    """The clients, their examples changed as `[shift]` says, and the central test set.

    The user's own function may return a `FederatedDataset`, a pair of one and a test set, or a
    `Source` (central train and test sets) for `[partition]` to deal out. A test set with clients is
    pooled. Raises `ExperimentError` for anything else.
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
    if isinstance(test, FederatedDataset):
        test = test.pooled()
    if isinstance(source, Source) and isinstance(clients, Dataset) and isinstance(test, Dataset):
        return shifted(file, tables, dealt(file, tables, clients)), test
    if not isinstance(clients, FederatedDataset) or not isinstance(test, Dataset | None):
        raise file.error(
            "data.python",
            "expected a FederatedDataset, a pair (FederatedDataset, Dataset) of clients and "
            "test set, or fw.Source(fw.Dataset(x, y, classes=...), fw.Dataset(...)) of train "
            f"and test set, given {described(source)}",
        )
    if "partition" in tables:
        raise file.error("partition", "the data already has clients; leave this table out")
    return shifted(file, tables, clients), test


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


def dealt(file: ExperimentFile, tables: dict[str, Table], dataset: Dataset) -> FederatedDataset:
    """Central examples, dealt to clients as `[partition]` says."""
    if "partition" not in tables:
        raise file.error(
            "data.python", "its data have no clients; add a [partition] table to deal them out"
        )
    values = tables["partition"].model_dump()
    name, clients, seed = (values.pop(key) for key in ("name", "clients", "seed"))
    with file.blame("partition"):
        return partition(dataset, PARTITIONS[name](**values), clients=clients, seed=seed)


def shifted(
    file: ExperimentFile, tables: dict[str, Table], clients: FederatedDataset
) -> FederatedDataset:
    """Clients whose examples are changed as `[shift]` says."""
    if "shift" not in tables:
        return clients
    values = tables["shift"].model_dump()
    name, seed = values.pop("name"), values.pop("seed")
    with file.blame("shift"):
        if name in POISONS:
            values["clients"] = positions(values["clients"], clients.clients, seed)
        return shift(clients, SHIFTS[name](**values), seed=seed)


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
