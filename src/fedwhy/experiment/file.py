"""Reading an experiment file: TOML tables with the place of every key, for errors that point."""

import json
import logging
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fedwhy.errors import ExperimentError, ModelError, ParameterError, suggest

log = logging.getLogger("fedwhy")

TABLES = (
    *("data", "partition", "shift", "prepare", "model", "algorithm", "client", "augment"),
    *("aggregator", "attack", "broadcast", "server", "train", "sampler", "availability", "clock"),
    "fine_tune",
)

SET = "--set"

# Keys of which only one is given: the one that `--set` gives takes the others' place.
EITHER = {
    "data": ("name", "path", "python"),
    "model": ("name", "keras", "python"),
    "client": ("epochs", "steps"),
    "aggregator": ("chain", "python"),
}
# Keys that decide which keys a table has.
CHOICES = {
    "data": ("data.name", "data.by", "data.path", "data.python"),
    "partition": ("partition.name",),
    "shift": ("shift.name",),
    "model": ("model.name", "model.keras", "model.python"),
    "algorithm": ("algorithm.name",),
    "client": ("algorithm.name",),
    "aggregator": ("aggregator.chain", "aggregator.python"),
    "attack": ("attack.name",),
    "broadcast": ("broadcast.chain",),
    "server": ("algorithm.name", "server.optimizer", "server.averaging"),
    "sampler": ("sampler.name",),
    "availability": ("availability.name",),
}

EXPECTED = {
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a table",
}


class Table(BaseModel):
    """A table of the file; unknown keys and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class ExperimentFile:
    """Tables as written, and where: `places` maps `table.key` to 'my.toml:12' or '--set'."""

    name: str
    tables: dict[str, dict[str, Any]]
    places: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()

    def error(self, key: str, message: str) -> ExperimentError:
        """An error about `key` (`table`, `table.key`, ...), with the nearest known place."""
        known = key
        while known and known not in self.places:
            known = known.rpartition(".")[0]
        place = self.places.get(known, self.name)
        return ExperimentError(f"{place}: {key}", message)

    def choice(self, table: str, key: str, names: Iterable[str], default: str) -> str:
        """The value of `table.key`, which must be one of `names`."""
        value = self.tables.get(table, {}).get(key, default)
        if value not in (names := tuple(names)):
            raise self.error(
                f"{table}.{key}", f"unknown value {value!r}{suggest(str(value), names)}"
            )
        return value

    def parse(self, table: str, schema: type[Table]) -> Table:
        """The table, typed by `schema`; raises `ExperimentError` naming the first key at fault."""
        self._leave_behind(table, schema)
        values = self.tables.get(table, {})
        first, *others = [key for key in EITHER.get(table, ()) if key in values] or [None]
        if others:
            raise self.error(
                f"{table}.{others[0]}", f"give either {table}.{first} or {table}.{others[0]}"
            )
        try:
            return schema.model_validate(values)
        except ValidationError as error:
            first, *further = error.errors()
        key, given = str(first["loc"][0]), first["input"]
        inner = schema.model_fields[key].annotation if key in schema.model_fields else None
        if isinstance(inner, type) and issubclass(inner, Table) and len(first["loc"]) > 1:
            key, schema = f"{key}.{first['loc'][1]}", inner
        if first["type"] == "extra_forbidden":
            last, known = key.rpartition(".")[2], tuple(schema.model_fields)
            message = f"unknown key{suggest(last, known)}" if known else "no key is taken here"
        elif first["type"] == "missing":
            message = "expected a value, none is given"
        elif first["type"] == "literal_error":
            expected = first.get("ctx", {}).get("expected", "")
            names = tuple(re.findall(r"[^\s',]+(?=[',]|$| or )", expected))
            message = f"unknown value {given!r}{suggest(str(given), names)}"
        else:
            expected = EXPECTED.get(first["type"], first["msg"])
            if first["type"] == "list_type" and further:  # A list, or something else.
                expected += f" or {EXPECTED.get(further[0]['type'], further[0]['msg'])}"
            message = f"expected {expected}, given {given!r}"
        raise self.error(f"{table}.{key}", message)

    def _leave_behind(self, table: str, schema: type[Table]) -> None:
        """Drops the file's keys of another thing where a `--set` has chosen the thing anew."""
        choices = CHOICES.get(table, ())
        changed = next((choice for choice in choices if self.places.get(choice) == SET), None)
        if changed is None:
            return
        for key in list(self.tables.get(table, {})):
            place = self.places.get(f"{table}.{key}", self.places.get(table, self.name))
            if key not in schema.model_fields and place != SET:
                log.warning("%s: %s.%s is left out, since %s changed", place, table, key, changed)
                del self.tables[table][key]

    def leave_out(self, table: str, since: str) -> None:
        """Drops a table of the file where a `--set` has chosen `since` anew."""
        choices = CHOICES[since]
        changed = next((choice for choice in choices if self.places.get(choice) == SET), None)
        own = [key for key in self.places if key == table or key.startswith(f"{table}.")]
        if changed and table in self.tables and SET not in map(self.places.get, own):
            place = self.places.get(table, self.name)
            log.warning("%s: [%s] is left out, since %s changed", place, table, changed)
            del self.tables[table]

    @contextmanager
    def blame(self, *tables: str) -> Iterator[None]:
        """Within it, a `ParameterError` becomes one about the key, or the table, that gave it.

        A `ModelError` becomes one about the key that gave the model.
        """
        try:
            yield
        except ExperimentError:
            raise
        except ModelError as error:
            key = next((k for k in CHOICES["model"] if k in self.places), "model")
            raise self.error(key, str(error)) from error
        except ParameterError as error:
            keys = [f"{table}.{error.parameter}" for table in tables]
            keys = [error.parameter] if error.parameter in tables else keys
            key = next((k for k in keys if k in self.places), keys[0])
            raise self.error(key, error.message) from error


def read_experiment(path: str | Path | None, changes: Sequence[str] = ()) -> ExperimentFile:
    """Reads `path`, or the embedded experiment if None, and applies `table.key=value` changes.

    Raises `ExperimentError` for a file that cannot be read, is not TOML, or has unknown tables,
    and for the settings of a run that was started from Python, which do not tell all of it.
    """
    if path is None:
        name, folder = "default.toml (embedded)", Path()
        embedded = resources.files("fedwhy.experiment") / "default.toml"
        text = embedded.read_text(encoding="utf-8")
    else:
        name, folder = str(path), modules_folder(Path(path))
        try:
            text = Path(path).read_text(encoding="utf-8-sig")  # Some editors write a mark first.
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ExperimentError(name, f"cannot be read: {reason}") from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ExperimentError(name, f"is not valid TOML: {error}") from error
    file = ExperimentFile(name, tables, dict(find_places(name, text)), folder)
    if "run" in tables:
        raise file.error(
            "run",
            "this run was started from Python, and this file does not tell all of it: its model, "
            "data and optimizers are there; go on with fw.train(..., resume=...)",
        )
    for change in changes:
        apply_change(file, change)
    for table, values in tables.items():
        if table not in TABLES:
            raise file.error(table, f"unknown table{suggest(table, TABLES)}")
        if not isinstance(values, dict):
            raise file.error(table, f"expected a table [{table}], given {values!r}")
    return file


def modules_folder(path: Path) -> Path:
    """Where Python finds the modules that a file names: beside it, or where its run found them."""
    parent = path.resolve().parent
    try:
        environment = json.loads((parent / "environment.json").read_text(encoding="utf-8"))
        return Path(environment["modules"] or parent)
    except (OSError, ValueError, LookupError, TypeError):  # No run folder, or a damaged one.
        return parent


def apply_change(file: ExperimentFile, change: str) -> None:
    """Applies one `table.key=value`; the value is read as TOML, or as text if it is none."""
    match = re.fullmatch(r"\s*(\w+)\.(\w+)(?:\.(\w+))?\s*=(.*)", change, re.DOTALL)
    if not match:
        raise ExperimentError(f"--set {change}", "expected table.key=value, such as train.rounds=5")
    table, key, inner, text = match.groups()
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    file.places[table] = file.places.get(table, SET)
    file.places[f"{table}.{key}"] = SET
    values: Any = file.tables.setdefault(table, {})
    if inner and isinstance(values, dict):  # table.key.inner: a table in a table.
        file.places[f"{table}.{key}.{inner}"] = SET
        values, key = values.setdefault(key, {}), inner
    if isinstance(values, dict):
        values[key] = value
        either = EITHER.get(table, ())
        for other in either if key in either else ():
            if file.places.get(f"{table}.{other}") != SET:
                values.pop(other, None)
                file.places.pop(f"{table}.{other}", None)


def find_places(name: str, text: str) -> Iterator[tuple[str, str]]:
    """The line of every table and key, as ('client.epochs', 'my.toml:12')."""
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([\w.-]+)\s*\]+", line):
            table = header[1]
            yield table, f"{name}:{number}"
        elif key := re.match(r"\s*([\w.-]+|\"[^\"]*\")\s*=", line):
            path = f"{table}.{key[1]}" if table else key[1]
            yield path.replace('"', ""), f"{name}:{number}"
