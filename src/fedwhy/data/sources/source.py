"""`Source`: a dataset by name, and what is known of it before it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from fedwhy.data.dataset import Dataset
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.sources.files import File

Examples = TypeVar("Examples", bound=Dataset | FederatedDataset)


class Source(NamedTuple, Generic[Examples]):
    """Examples to train on, and others to test on; both have clients, or neither has."""

    train: Examples
    test: Examples


@dataclass(frozen=True)
class Variant:
    """One way to read a dataset.

    `clients` says who the clients are, None where the data has none; `files` are what is read.
    """

    read: Callable[[], Source[Any]]
    clients: str | None = None
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class SourceEntry:
    """A dataset of the catalogue; `shape` is that of one example.

    `variants` are the ways to read it by the name that `load(..., by=...)` takes, the usual one
    first; the one without clients is None.
    """

    summary: str
    task: str
    classes: int
    shape: tuple[int, ...]
    licence: str
    citation: str
    variants: dict[str | None, Variant]

    @property
    def by(self) -> str | None:
        """The usual way to read it."""
        return next(iter(self.variants))
