"""What to change in an experiment file, as a diff of it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from fedwhy.report.facts import table


class Line(NamedTuple):
    """A line of TOML; `kind` is 'kept', 'gone' or 'new'."""

    kind: str
    text: str


def diff(changes: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> list[Line]:
    """The lines that change, below the header of their table.

    A change holds `table`, `key` and `value`, which is None for a key to be taken out; `settings`
    says what it is now.
    """
    tables: dict[str, list[Line]] = {}
    for change in changes:
        name, key, value = change["table"], change["key"], change["value"]
        now = table(settings, name).get(key)
        lines = tables.setdefault(name, [Line("kept", f"[{name}]")])
        if now is not None and now != value:
            lines.append(Line("gone", f"{key} = {toml(now)}"))
        if value is not None:
            lines.append(Line("kept" if now == value else "new", f"{key} = {toml(value)}"))
    return [line for lines in tables.values() for line in lines]


def toml(value: Any) -> str:
    """A value as TOML, whose strings, numbers and booleans are written as JSON's."""
    if isinstance(value, Mapping):
        pairs = (f"{key} = {toml(inner)}" for key, inner in value.items() if inner is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
