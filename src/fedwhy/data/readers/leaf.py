"""LEAF's JSON files (Caldas et al. 2018, "LEAF: A Benchmark for Federated Settings").

    {"users": [id, ...], "num_samples": [n, ...], "user_data": {id: {"x": [...], "y": [...]}}}

A dataset is one file or several; each holds some of the users. `hierarchies` may tell of groups of
users, and is not read.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.arrow import check_finite
from fedwhy.data.readers.columns import MakeExamples, choose, make_examples
from fedwhy.data.readers.stream import from_stream
from fedwhy.errors import DataError


def read_leaf(
    paths: list[Path], *, examples: MakeExamples | None, into: str | Path | None, **about: Any
) -> FederatedDataset:
    """The users of some LEAF files as clients; `examples` turns text into numbers."""
    names = (None, None) if examples is not None else ("x", "y")
    where = paths[0] if len(paths) == 1 else paths[0].parent
    clients = make_examples(leaf_clients(paths), choose(*names, examples), where)
    return from_stream(clients, into=into, **about)


def leaf_clients(paths: Iterable[str | Path]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Every user of the files with its columns `x` and `y`, in their order; one file at a time.

    Numbers come as float32 or int32 arrays, text and ragged rows as object arrays `[examples]`.
    Raises `DataError` for a file that is damaged or built otherwise, whose `users` and
    `num_samples` disagree with its `user_data`, and for a user who comes twice.
    """
    seen: dict[str, Path] = {}
    for path in map(Path, paths):
        users, data = read_file(path)
        for user in users:
            if user in seen:
                raise DataError(f"{path}: user {user!r} is also in {seen[user]}; give each once")
            seen[user] = path
            columns, place = data.pop(user), f"{path}, user {user!r}"  # Freed when made arrays.
            yield user, {f: to_column(f, columns[f], place) for f in ("x", "y")}


def read_file(path: Path) -> tuple[list[str], dict[str, Any]]:
    """`users` and `user_data` of one file, checked against each other."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # With or without a byte order mark.
        content = json.loads(
            text, object_pairs_hook=without_duplicates, parse_constant=refuse_constant
        )
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no readable JSON file ({error})") from error
    kinds = {"users": list, "num_samples": list, "user_data": dict}
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds a {type(content).__name__}; expected an object of LEAF's")
    for key, kind in kinds.items():
        if not isinstance(content.get(key), kind):
            expected = ", ".join(kinds)
            raise DataError(f"{path}: has no {kind.__name__} {key!r}; LEAF's files have {expected}")
    users, counts, data = (content[key] for key in kinds)
    if len(users) != len(counts):
        raise DataError(f"{path}: has {len(users)} users, but {len(counts)} num_samples")
    for user, count in zip(users, counts, strict=True):
        check_user(path, user, count, data)
    stray = data.keys() - set(users)
    if stray:
        raise DataError(f"{path}: user {min(stray)!r} of user_data is missing in users")
    return users, data


def check_user(path: Path, user: Any, count: Any, data: dict[str, Any]) -> None:
    """Raises `DataError` unless a user has as many x and y as `num_samples` tells."""
    columns = data.get(user) if isinstance(user, str) else None
    if not isinstance(columns, dict):
        raise DataError(f"{path}: user {user!r} has no object in user_data")
    for field in ("x", "y"):
        values = columns.get(field)
        if not isinstance(values, list):
            raise DataError(f"{path}, user {user!r}: has no list {field!r}")
        if len(values) != count:
            raise DataError(
                f"{path}, user {user!r}: {field!r} has {len(values)} examples, "
                f"num_samples tells of {count}"
            )


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, whose keys must differ: the last of two users would replace the first."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"key {twice!r} is given twice in one object")
    return content


def refuse_constant(name: str) -> None:
    """Raises for NaN and infinities, which Python would read though JSON has none."""
    raise ValueError(f"{name} is no number of JSON; repair it, or leave the example out")


def to_column(field: str, values: list[Any], place: str) -> np.ndarray:
    """A list of a JSON file as an array: numbers `[examples, ...]`, or else objects `[examples]`.

    Numbers are float32; those of `y` are int32 where all are whole and fit. Raises `DataError`
    for one that float32 cannot hold.
    """
    leaves = np.array(values, object)
    kinds = set(map(type, leaves.flat))
    try:
        if field == "y" and kinds and kinds <= {int, bool}:
            whole = leaves.astype(np.int64)
            narrow = whole.astype(np.int32)
            return narrow if (narrow == whole).all() else whole
        if kinds <= {int, float, bool}:
            with np.errstate(over="ignore"):
                narrow = leaves.astype(np.float32)
            check_finite(narrow, leaves, field, lambda row: f"{place}, example {row}")
            return narrow
    except OverflowError:  # A whole number of more than 64 bits.
        pass
    return np.fromiter(values, object, len(values))
