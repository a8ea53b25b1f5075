"""An algorithm's recipe: the calls that made it, so that one thing in it can be changed.

@recorded
def fedavg(model: Model, client: LocalTraining, ...) -> Algorithm: ...

remade(algorithm, client=replace(algorithm.recipe.arguments["client"], epochs=1))

What wraps an algorithm, as `ema` does, has that as its argument `"algorithm"`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from fedwhy.errors import ParameterError
from fedwhy.recipe import Recipe, recorded

if TYPE_CHECKING:
    from fedwhy.algorithms.algorithm import Algorithm

__all__ = ["Recipe", "innermost", "recipe_of", "recorded", "remade"]


def remade(algorithm: Algorithm, **changes: Any) -> Algorithm:
    """`algorithm` made again, with other arguments of the innermost call, and wrapped as before.

    Raises `ParameterError` for an algorithm that does not know how it was made, and for an argument
    that it does not take.
    """
    recipe = recipe_of(algorithm)
    if "algorithm" in recipe.arguments:
        changes = {"algorithm": remade(recipe.arguments["algorithm"], **changes)}
    for name in changes.keys() - inspect.signature(recipe.function).parameters.keys():
        raise ParameterError(name, f"{algorithm.name} takes no such argument")
    return recipe.again(**changes)


def innermost(algorithm: Algorithm) -> Algorithm:
    """The algorithm within all wrappers."""
    inner = recipe_of(algorithm).arguments.get("algorithm")
    return algorithm if inner is None else innermost(inner)


def recipe_of(algorithm: Algorithm) -> Recipe:
    """How the algorithm was made; raises `ParameterError` where it does not know."""
    if algorithm.recipe is None:
        raise ParameterError(
            "algorithm",
            f"{algorithm.name} does not know how it was made, so nothing in it can be changed; "
            "decorate the function that makes it with @fw.recorded",
        )
    return algorithm.recipe
