"""The line of the user's own code that a fault is in."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from fedwhy.diagnosis.setup import Setup


def advice(setup: Setup, pattern: str, what: str) -> str:
    """`what` to change, after the first line of the model's code in which `pattern` occurs."""
    for function in functions(setup):
        found = line_with(pattern, function)
        if found:
            return f"{found}\n{what}"
    return what


def functions(setup: Setup) -> Iterator[Callable[..., Any]]:
    """The user's functions that the model is made of, as far as they are known."""
    table = setup.settings.get("model", {})
    for key in ("keras", "python"):
        module, _, name = str(table.get(key, "")).partition(":")
        if hasattr(sys.modules.get(module), name or "-"):
            yield getattr(sys.modules[module], name)
    recipe = setup.model.recipe
    for argument in recipe.arguments.values() if recipe else ():
        if inspect.isfunction(argument) and "site-packages" not in argument.__code__.co_filename:
            yield argument


def line_with(pattern: str, function: Callable[..., Any]) -> str | None:
    """The first line of a function that holds `pattern`, with its file and number.

    None where there is none, or where the code is in no file.
    """
    try:
        lines, first = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function)
    except (OSError, TypeError):
        return None
    for number, line in enumerate(lines, start=max(first, 1)):
        if re.search(pattern, line):
            return f"{file}:{number}:\n    {line.strip()}"
    return None
