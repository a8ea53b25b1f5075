"""`algorithm`: the edit that trains by another algorithm of the catalogue."""

from __future__ import annotations

import inspect
from typing import Any

from fedwhy.algorithms import ALGORITHMS, Algorithm, LocalSGD, innermost
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
        gone = [k for k in settings.get("algorithm", {}) if k not in accepted and k != "name"]
        return (
            *(Change("algorithm", key, None) for key in gone),
            Change("algorithm", "name", name),
            *(Change("algorithm", key, value) for key, value in options.items()),
        )

    return Edit(f"the algorithm {name}", apply, changes)


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
