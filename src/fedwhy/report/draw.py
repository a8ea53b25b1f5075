"""`draw_partition`: who holds what, drawn into a file."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from fedwhy.errors import ParameterError
from fedwhy.report.page import render_partition
from fedwhy.report.picture import FORMATS, render_picture

SUFFIXES = (".html", *(f".{format}" for format in FORMATS))


@runtime_checkable
class Clients(Protocol):
    """A `FederatedDataset`."""

    def stats(self, ignored_class: int | None = None, features: bool = False) -> Any: ...  # noqa: D102


@runtime_checkable
class Stats(Protocol):
    """What `FederatedDataset.stats` returns."""

    def to_dict(self) -> dict[str, Any]: ...  # noqa: D102


def draw_partition(
    clients: Clients | Stats, path: str | Path, ignored_class: int | None = None
) -> None:
    """Draws who holds which labels, how many examples, and how unlike the others each client is.

    The format is that of the name: a page that works offline (.html), or a picture (.png, .svg,
    .pdf; `pip install "fedwhy[pictures]"`). Of `clients` x is read, too, for how much their
    features differ; of their `stats()` only what was measured is drawn. Of very many clients a
    sample is. Labels that are `ignored_class` are left out. Raises `ParameterError` for another
    ending, and `OSError` where the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ParameterError(
            "path", f"expected a name that ends in {', '.join(SUFFIXES)}, given {str(path)!r}"
        )
    stats = clients.stats(ignored_class, features=True) if isinstance(clients, Clients) else clients
    if not isinstance(stats, Stats):
        raise ParameterError(
            "clients",
            f"expected a FederatedDataset or its stats(), given {type(clients).__name__}",
        )
    record = {"settings": {}, "partition": stats.to_dict()}
    if path.suffix.lower() == ".html":
        path.write_text(render_partition(record), encoding="utf-8")
    else:
        path.write_bytes(render_picture(record, path.suffix.lower()[1:]))
