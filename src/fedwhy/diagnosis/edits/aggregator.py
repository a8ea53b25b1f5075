"""What an aggregator is made of, and edits that change one piece of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fedwhy.aggregators import Aggregator, Link, attacked, chain
from fedwhy.algorithms import Algorithm
from fedwhy.algorithms.algorithm import aggregating
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.recipe import Recipe

# By which arguments attacks and wrappers take the piece behind them.
INNER = ("aggregator", "rule", "link")


class Piece(NamedTuple):
    """A piece of aggregation: its function's name, its arguments with defaults, and what wraps it.

    `made` is the link or rule itself.
    """

    name: str
    arguments: dict[str, Any]
    within: tuple[str, ...]
    made: Link | Aggregator


def pieces(made: Link | Aggregator, within: tuple[str, ...] = ()) -> list[Piece]:
    """All pieces in their order, wrappers before what they wrap; those without a recipe are not."""
    recipe = made.recipe
    if recipe is None:
        return []
    if recipe.function is chain:
        parts = [p for p in recipe.arguments["pieces"] if isinstance(p, Link | Aggregator)]
        return [piece for part in parts for piece in pieces(part, within)]
    name = recipe.function.__name__
    inner = [recipe.arguments[key] for key in INNER if key in recipe.arguments]
    found = [Piece(name, recipe.settled, within, made)]
    return found + [piece for part in inner for piece in pieces(part, (*within, name))]


def attacks_in(made: Link | Aggregator) -> list[Recipe]:
    """The calls of `attacked` in an aggregator, the innermost first."""
    wrappers = [piece.made.recipe for piece in pieces(made)]
    return [recipe for recipe in reversed(wrappers) if recipe and recipe.function is attacked]


def pieces_of(setup: Setup) -> dict[str, Piece]:
    """The pieces of a setup's aggregator by name."""
    return {piece.name: piece for piece in pieces(setup.algorithm.aggregator)}


def piece(what: str, name: str, /, **options: Any) -> Edit:
    """Other arguments of the piece called `name`, whose table `[aggregator]` has."""
    return Edit(
        what,
        lambda setup: exchanged(setup, name, lambda made: made.recipe.again(**options)),
        lambda settings: tuple(
            Change("aggregator", f"{name}.{key}", value) for key, value in options.items()
        ),
    )


def wrapped(what: str, name: str, wrapper: Callable[[Any], Any]) -> Edit:
    """The piece called `name` within `wrapper`, one of the catalogue."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        names = settings.get("aggregator", {}).get("chain", [])
        at = names.index(name) if name in names else len(names)
        longer = [*names[:at], wrapper.__name__, *names[at:]]
        return (Change("aggregator", "chain", longer),)

    return Edit(what, lambda setup: exchanged(setup, name, wrapper), changes)


def exchanged(setup: Setup, name: str, change: Callable[[Any], Any]) -> Setup:
    """`setup` with what `change` makes of the piece called `name`.

    Raises `ParameterError` where its aggregator has no such piece.
    """
    if name not in pieces_of(setup):
        raise ParameterError("aggregator", f"has no piece {name!r} that could be changed")

    def within(made: Any) -> Any:
        recipe = getattr(made, "recipe", None)
        if recipe is None:
            return made
        if recipe.function is chain:
            return chain(*map(within, recipe.arguments["pieces"]))
        if recipe.function.__name__ == name:
            return change(made)
        inner = {key: within(recipe.arguments[key]) for key in INNER if key in recipe.arguments}
        return recipe.again(**inner) if inner else made

    return setup.changed(algorithm=reaggregated(setup.algorithm, within))


def reaggregated(algorithm: Algorithm, change: Callable[[Aggregator], Aggregator]) -> Algorithm:
    """`algorithm`, wrapped as before, with what `change` makes of its aggregator."""
    recipe = algorithm.recipe
    if recipe is None:
        return algorithm._replace(aggregator=change(algorithm.aggregator))
    if recipe.function is aggregating:
        return recipe.again(aggregator=change(recipe.arguments["aggregator"]))
    if "algorithm" in recipe.arguments:
        inner = reaggregated(recipe.arguments["algorithm"], change)
        return recipe.again(algorithm=inner)
    return algorithm._replace(aggregator=change(algorithm.aggregator))
