"""`Recipe`: the call that made a value, so that it can be made again with one thing changed.

@recorded
def clip(norm: Positive = 1.0) -> Link: ...

clip(2.0).recipe.arguments["norm"] == 2.0
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, eq=False)
class Recipe:
    """A function that makes a value, and the arguments that it was given, by name.

    Each is equal to itself alone, so that values which remember one are hashable.
    """

    function: Callable[..., Any]
    arguments: dict[str, Any]

    @property
    def settled(self) -> dict[str, Any]:
        """All of its arguments, those that were left out with their defaults."""
        bound = inspect.signature(self.function).bind_partial()
        bound.apply_defaults()
        return bound.arguments | self.arguments

    def again(self, **changes: Any) -> Any:
        """What the function makes of its arguments with these changes."""
        bound = inspect.signature(self.function).bind_partial()
        bound.arguments.update(self.arguments | changes)
        return self.function(*bound.args, **bound.kwargs)


def recorded(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, whose values, NamedTuples with a field `recipe`, remember the call."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        arguments = dict(signature.bind(*args, **kwargs).arguments)
        made: Any = function(*args, **kwargs)
        return made._replace(recipe=Recipe(call, arguments))

    return call
