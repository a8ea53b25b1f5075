"""`algorithm`: the edit that trains by another algorithm of the catalogue."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

from fedwhy.algorithms import ALGORITHMS, Algorithm, LocalSGD, innermost
from fedwhy.diagnosis.edits.server import of_average
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError


def algorithm(name: str, **options: Any) -> Edit:
    """The same training by another algorithm, which keeps the arguments that it has in common."""
    function = ALGORITHMS[name]
    accepted = inspect.signature(function).parameters

    def apply(setup: Setup) -> Setup:
        if setup.local is None:
            raise ParameterError("algorithm", f"{name} needs local training, such as LocalSGD(...)")
        kept = {key: value for key, value in setup.arguments.items() if key in accepted}
        made = function(**(kept | {"model": setup.model} | options))
        return setup.changed(algorithm=rewrapped(setup.algorithm, made))

    def changes(settings: Settings) -> tuple[Change, ...]:
        return (
            *(Change("algorithm", key, None) for key in gone(settings, accepted)),
            *(Change("server", key, None) for key in gone_from_server(settings, accepted)),
            Change("algorithm", "name", name),
            *(Change("algorithm", key, value) for key, value in options.items()),
        )

    return Edit(f"the algorithm {name}", apply, changes)


def gone(settings: Settings, accepted: Collection[str]) -> list[str]:
    """The keys of `[algorithm]` that an algorithm of these parameters does not take."""
    takes = {"name", *accepted} | ({"cap"} if "weighting" in accepted else set())
    return [key for key in settings.get("algorithm", {}) if key not in takes]


def gone_from_server(settings: Settings, accepted: Collection[str]) -> list[str]:
    """The keys of `[server]` that are not arguments of both algorithms, as `apply` has them."""
    name = settings.get("algorithm", {}).get("name", "fedavg")
    shared = inspect.signature(ALGORITHMS[name]).parameters.keys() & accepted
    if "server" in shared:
        return []
    return [key for key in settings.get("server", {}) if key not in shared | of_average(settings)]


def replaceable(setup: Setup) -> bool:
    """Whether it is FedAvg with plain local training, in whose place other algorithms fit."""
    local = setup.local
    if not isinstance(local, LocalSGD) or innermost(setup.algorithm).name != "fedavg":
        return False
    return not (local.proximal or local.remedy or local.private or local.personal)


def rewrapped(wrapped: Algorithm, inner: Algorithm) -> Algorithm:
    """`inner` within the wrappers of another algorithm."""
    recipe = wrapped.recipe
    if recipe is None or "algorithm" not in recipe.arguments:
        return inner
    return recipe.again(algorithm=rewrapped(recipe.arguments["algorithm"], inner))
