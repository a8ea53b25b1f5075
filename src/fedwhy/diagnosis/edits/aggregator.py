"""What an aggregator is made of, and edits that change one piece of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from fedwhy.aggregators import Aggregator, Link, attacked, chain
from fedwhy.algorithms import Algorithm
from fedwhy.algorithms.algorithm import aggregating
from fedwhy.algorithms.compressed_broadcast import with_key
from fedwhy.algorithms.fltrust import rooted
from fedwhy.algorithms.trust import agreeing
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.recipe import Recipe

# By which arguments attacks and wrappers take the piece behind them.
INNER = ("aggregator", "rule", "link")
# What algorithms put around a whole aggregator, which is no piece that a user gave it.
AROUND = (agreeing, rooted, with_key)
# A position that no client has: an attack by nobody, which leaves states their structure, so that
# what a run under attack has kept fits.
NOBODY = 2**31 - 1


class Piece(NamedTuple):
    """A piece of aggregation: its function's name, its arguments with defaults, and what wraps it.

    `made` is the link or rule itself.
    """

    name: str
    arguments: dict[str, Any]
    within: tuple[str, ...]
    made: Link | Aggregator


def pieces(made: Link | Aggregator, within: tuple[str, ...] = ()) -> list[Piece]:
    """All pieces in their order, wrappers before what they wrap.

    Those without a recipe are not, nor is what an algorithm puts around a whole aggregator.
    """
    recipe = made.recipe
    if recipe is None:
        return []
    if recipe.function is chain:
        parts = [p for p in recipe.arguments["pieces"] if isinstance(p, Link | Aggregator)]
        return [piece for part in parts for piece in pieces(part, within)]
    if recipe.function in AROUND:
        return pieces(recipe.arguments["aggregator"], within)
    name = recipe.function.__name__
    inner = [recipe.arguments[key] for key in INNER if key in recipe.arguments]
    found = [Piece(name, recipe.settled, within, made)]
    return found + [piece for part in inner for piece in pieces(part, (*within, name))]


def attacks_in(made: Link | Aggregator) -> list[Recipe]:
    """The calls of `attacked` in an aggregator, the innermost first."""
    wrappers = [piece.made.recipe for piece in pieces(made)]
    return [recipe for recipe in reversed(wrappers) if recipe and recipe.function is attacked]


def with_attackers(algorithm: Algorithm, there: np.ndarray) -> Algorithm:
    """`algorithm` under its attacks by the same clients, where those have moved.

    `there` int `[clients]` is where each client was before, -1 for a new one. Attackers that are
    gone attack no more.
    """

    def moved(recipe: Recipe) -> Aggregator:
        now = np.flatnonzero(np.isin(there, recipe.arguments["clients"]))
        return recipe.again(clients=now.tolist() or [NOBODY])

    return attacks_changed(algorithm, moved)


def without_attacks(algorithm: Algorithm) -> Algorithm:
    """`algorithm` with what its attacks wrap in their place."""
    return attacks_changed(algorithm, lambda recipe: recipe.arguments["aggregator"])


def attacks_changed(algorithm: Algorithm, change: Callable[[Recipe], Aggregator]) -> Algorithm:
    """`algorithm` with what `change` makes of each call of `attacked` in its aggregator."""
    if not attacks_in(algorithm.aggregator):
        return algorithm

    def changed(made: Any) -> Any:
        recipe = getattr(made, "recipe", None)
        return change(recipe) if recipe and recipe.function is attacked else made

    return reaggregated(algorithm, lambda aggregator: made_again(aggregator, changed))


def with_its_own_mean(algorithm: Algorithm) -> Algorithm:
    """`algorithm` without the aggregator that it was given, under the same attacks."""
    recipe = algorithm.recipe
    if recipe is None or "algorithm" not in recipe.arguments:
        return algorithm
    inner = with_its_own_mean(recipe.arguments["algorithm"])
    if recipe.function is not aggregating:
        return recipe.again(algorithm=inner)
    below = len(attacks_in(inner.aggregator))
    attacks = attacks_in(recipe.arguments["aggregator"])[below:]
    if not attacks:
        return inner
    hit = reduce(
        lambda aggregator, attack: attack.again(aggregator=aggregator), attacks, inner.aggregator
    )
    return inner.with_aggregator(hit)


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

    def changed(made: Any) -> Any:
        recipe = getattr(made, "recipe", None)
        return change(made) if recipe and recipe.function.__name__ == name else made

    def within(aggregator: Aggregator) -> Aggregator:
        return made_again(aggregator, changed)

    return setup.changed(algorithm=reaggregated(setup.algorithm, within))


def made_again(made: Any, change: Callable[[Any], Any]) -> Any:
    """A piece with what `change` makes of each piece in it and of itself, the innermost first."""
    recipe = getattr(made, "recipe", None)
    if recipe is None:
        return made
    if recipe.function is chain:
        return chain(*(made_again(piece, change) for piece in recipe.arguments["pieces"]))
    inner = {
        key: made_again(recipe.arguments[key], change) for key in INNER if key in recipe.arguments
    }
    return change(recipe.again(**inner) if inner else made)


def reaggregated(algorithm: Algorithm, change: Callable[[Aggregator], Aggregator]) -> Algorithm:
    """`algorithm`, wrapped as before, with what `change` makes of its aggregator."""
    recipe = algorithm.recipe
    if recipe is None:
        return algorithm._replace(aggregator=change(algorithm.aggregator))
    if recipe.function is aggregating:
        inner, given = recipe.arguments["algorithm"], recipe.arguments["aggregator"]
        # What the algorithm needs as its own is changed where it comes from, too.
        again = inner if inner.aggregator.name == "mean" else reaggregated(inner, change)
        return recipe.again(algorithm=again, aggregator=change(given))
    if "algorithm" in recipe.arguments:
        inner = reaggregated(recipe.arguments["algorithm"], change)
        return recipe.again(algorithm=inner)
    return algorithm._replace(aggregator=change(algorithm.aggregator))
