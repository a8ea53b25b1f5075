"""What can be changed in the examples of a run: edits of clients and test sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from fedwhy.data import Dataset, FederatedDataset
from fedwhy.data.arranging import classes_of
from fedwhy.data.arrays import take
from fedwhy.diagnosis.edits.aggregator import with_attackers
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError

AnyData = Dataset | FederatedDataset
Changes = Callable[[Settings], tuple[Change, ...]]

ALL = ("clients", "test", "test_clients")
TESTS = ("test",)
CLIENTS = ("clients", "test_clients")


def no_key(settings: Settings) -> tuple[Change, ...]:
    """No key of an experiment file says it."""
    return ()


def keys(table: str, /, **values: Any) -> Changes:
    """These keys of a table, whatever it holds."""
    return lambda settings: tuple(Change(table, key, value) for key, value in values.items())


def inputs(
    what: str,
    function: Callable[[np.ndarray], np.ndarray],
    changes: Changes = no_key,
    code: str = "",
    of: tuple[str, ...] = ALL,
) -> Edit:
    """Every array of x as `function` makes it."""

    def change(data: AnyData) -> AnyData:
        return replace(data, x=jax.tree.map(function, data.x))

    return Edit(what, lambda setup: on_data(setup, change, of), changes, code)


def labels(
    what: str,
    function: Callable[[np.ndarray], np.ndarray],
    changes: Changes = no_key,
    code: str = "",
    of: tuple[str, ...] = ALL,
) -> Edit:
    """The labels as `function` makes them."""

    def change(data: AnyData) -> AnyData:
        y = function(data.y)
        return replace(data, y=y, classes=classes_of(data, y))

    return Edit(what, lambda setup: on_data(setup, change, of), changes, code)


def examples(
    what: str,
    keep: Callable[[Any], np.ndarray],
    changes: Changes = no_key,
    code: str = "",
    of: tuple[str, ...] = ALL,
) -> Edit:
    """Only the examples where `keep(data) -> bool [examples]` holds."""

    def change(data: AnyData) -> AnyData:
        kept = keep(data)
        if isinstance(data, FederatedDataset):
            return data.filter(kept)
        x, y = take((data.x, data.y), np.flatnonzero(kept))
        return replace(data, x=x, y=y)

    return Edit(what, lambda setup: on_data(setup, change, of), changes, code)


def same_rows(data: AnyData, clients: FederatedDataset) -> None:
    """Raises `ParameterError` where `data` has other rows than `clients`, of which some are named.

    Other edits may have left out examples, or dealt them anew; changed values change no row.
    """
    if not (isinstance(data, FederatedDataset) and np.array_equal(data.offsets, clients.offsets)):
        raise ParameterError("clients", "hold other examples than those that were looked at")


def only(clients: FederatedDataset, mask: np.ndarray) -> Callable[[AnyData], np.ndarray]:
    """For `examples`: those rows of `clients` where `mask`, bool `[examples]`, holds."""

    def keep(data: AnyData) -> np.ndarray:
        same_rows(data, clients)
        return mask

    return keep


def on_data(setup: Setup, change: Callable[[Any], Any], of: tuple[str, ...]) -> Setup:
    """`setup` with some of its data changed; the cohort has no more clients than are left.

    What is the same data twice, as clients who are tested on what they train with, stays so. Who
    attacks goes on attacking, wherever that client is now.
    """
    parts: dict[str, Any] = {}
    for name in of:
        data = getattr(setup, name)
        if name == "test_clients" and data is setup.clients:
            parts[name] = parts["clients"]
        elif data is not None:
            parts[name] = change(data)
    clients = parts.get("clients", setup.clients)
    if isinstance(setup.cohort, int):
        parts["cohort"] = min(setup.cohort, clients.clients)
    if not np.array_equal(clients.ids, setup.clients.ids):
        there = were(clients.ids, setup.clients.ids)
        parts["algorithm"] = with_attackers(setup.algorithm, there)
    return setup.changed(**parts)


def were(ids: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Where the clients `ids` are in `before`, int `[clients]`; -1 for those that are not."""
    places = {id: place for place, id in enumerate(before.tolist())}
    return np.array([places.get(id, -1) for id in ids.tolist()])
