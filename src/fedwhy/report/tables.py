"""`Table`: what a page shows as rows and columns."""

from collections.abc import Sequence
from typing import NamedTuple

from fedwhy.report.facts import Record
from fedwhy.report.wording import flatten, setting


class Cell(NamedTuple):
    """Text; `best` marks the best of a row, `role` puts a swatch of that colour before it."""

    text: str
    best: bool = False
    role: str | None = None


class Table(NamedTuple):
    """Rows with a name each; `columns` are headings of the other cells, if they need any."""

    title: str
    rows: Sequence[tuple[str, Sequence[Cell]]]
    columns: Sequence[Cell] = ()


class Section(NamedTuple):
    """Tables under a common heading."""

    title: str
    tables: Sequence[Table]


def settings_section(record: Record, *only: str) -> Section | None:
    """The settings, one table for each of the experiment's; of `only` some where given."""
    groups: dict[str, dict[str, str]] = {}
    for key, value in flatten(record.get("settings") or {}).items():
        group, _, name = key.rpartition(".")
        if not only or group.split(".")[0] in only:
            groups.setdefault(group or "general", {})[name] = setting(value)
    return Section("Settings", [pairs(*group) for group in groups.items()]) if groups else None


def environment_section(record: Record) -> Section | None:
    """Versions and devices."""
    values = {k: setting(v) for k, v in flatten(record.get("environment") or {}).items()}
    return Section("Environment", [pairs("", values)]) if values else None


def pairs(title: str, values: dict[str, str]) -> Table:
    """A table of names and values."""
    return Table(title, [(name, [Cell(text)]) for name, text in values.items()])
