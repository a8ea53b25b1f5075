"""`Recipe`: the call that made an algorithm, so that it can be made again with one thing changed.

@recorded
@recorded
def fedavg(model: Model, client: LocalTraining, ...) -> Algorithm: ...

remade(algorithm, client=replace(algorithm.recipe.arguments["client"], epochs=1))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec

from fedwhy.errors import ParameterError

if TYPE_CHECKING:
    from fedwhy.algorithms.algorithm import Algorithm

P = ParamSpec("P")


class Recipe(NamedTuple):
    """A function that makes an algorithm, and the arguments that it was given, by name.

    What wraps an algorithm, as `ema` does, has that as its argument `"algorithm"`.
    """

    function: Callable[..., Algorithm]
    arguments: dict[str, Any]

    @property
    def inner(self) -> Algorithm | None:
        """The algorithm that this one wraps; None for one that wraps none."""
        return self.arguments.get("algorithm")


def recorded(function: Callable[P, Algorithm]) -> Callable[P, Algorithm]:
    """`function`, whose algorithms remember the call."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Algorithm:
        arguments = dict(signature.bind(*args, **kwargs).arguments)
        return function(*args, **kwargs)._replace(recipe=Recipe(call, arguments))

    return call


def remade(algorithm: Algorithm, **changes: Any) -> Algorithm:
    """`algorithm` made again, with other arguments of the innermost call, and wrapped as before.

    Raises `ParameterError` for an algorithm that does not know how it was made, and for an argument
    that it does not take.
    """
    recipe = recipe_of(algorithm)
    if recipe.inner is not None:
        changes = {"algorithm": remade(recipe.inner, **changes)}
    for name in changes.keys() - inspect.signature(recipe.function).parameters.keys():
        raise ParameterError(name, f"{algorithm.name} takes no such argument")
    return recipe.function(**(recipe.arguments | changes))


def innermost(algorithm: Algorithm) -> Algorithm:
    """The algorithm within all wrappers."""
    inner = recipe_of(algorithm).inner
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
