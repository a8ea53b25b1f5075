"""`algorithm`: the edit that trains by another algorithm of the catalogue."""

from __future__ import annotations

import inspect
from typing import Any

from fedwhy.algorithms import ALGORITHMS, Algorithm, innermost
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup


def algorithm(name: str, **options: Any) -> Edit:
    """The same training by another algorithm, which keeps the arguments that it has in common."""
    function = ALGORITHMS[name]
    accepted = inspect.signature(function).parameters

    def apply(setup: Setup) -> Setup:
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


def by(setup: Setup) -> str:
    """The name of the algorithm within all wrappers; empty for one that was made by hand."""
    return innermost(setup.algorithm).name if setup.arguments else ""


def rewrapped(wrapped: Algorithm, inner: Algorithm) -> Algorithm:
    """`inner` within the wrappers of another algorithm."""
    recipe = wrapped.recipe
    if recipe is None or "algorithm" not in recipe.arguments:
        return inner
    return recipe.again(algorithm=rewrapped(recipe.arguments["algorithm"], inner))
