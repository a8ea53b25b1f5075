"""`[aggregator]`: a chain of pieces by name, each with a table of its own.

    [aggregator]
    chain = ["clip", "bucketing", "krum"]
    clip.norm = 1.0
    krum.byzantine = 2

The last piece is a rule, such as a median; where it is none, the algorithm's own mean follows.
`python = "module:function"` is the user's own aggregator instead.
"""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from pydantic import Field, create_model

from fedwhy.aggregators import LINKS, RULES, WRAPPERS, Aggregator, Link, chain
from fedwhy.algorithms import Algorithm
from fedwhy.errors import suggest
from fedwhy.experiment import tables as schema
from fedwhy.experiment.attacking import under_attack
from fedwhy.experiment.file import ExperimentFile, Table
from fedwhy.experiment.own_code import call

PIECES = {**LINKS, **WRAPPERS, **RULES}


class Chain(Table):
    """`[aggregator]`: pieces in their order; each has its keys in a table of its name."""

    chain: list[str]


class OwnAggregator(Table):
    """`[aggregator]`: `python = "module:function"` that returns a `fw.aggregators.Aggregator`."""

    python: str


def table(file: ExperimentFile) -> type[Table]:
    """`[aggregator]` with a table for every piece of its chain, or for the user's own."""
    if "python" in file.tables["aggregator"]:
        return OwnAggregator
    names = file.tables["aggregator"].get("chain", [])
    if not isinstance(names, list) or not names:
        raise file.error(
            "aggregator.chain", f"expected the names of pieces in their order, given {names!r}"
        )
    for name in names:
        if name not in PIECES:
            raise file.error(
                "aggregator.chain", f"unknown piece {name!r}{suggest(str(name), tuple(PIECES))}"
            )
        if names.count(name) > 1:
            raise file.error("aggregator.chain", f"{name!r} is there twice; give it once")
    return create_model("Chain", __base__=Chain, **{name: field(name) for name in names})


def field(name: str) -> Any:
    """The table of one piece; it may be left out where every key has a default."""
    keys = schema.extend(Table, schema.keywords(PIECES[name]))
    return (keys, Field(default_factory=dict, validate_default=True))


def around(
    file: ExperimentFile, name: str, inner: Link | Aggregator
) -> Callable[..., Link | Aggregator]:
    """The wrapper `name`, given the piece behind it."""
    takes = "rule" if isinstance(inner, Aggregator) else "link"
    if takes not in inspect.signature(WRAPPERS[name]).parameters:
        other = "a rule, such as krum" if takes == "link" else "compression, such as quantize"
        message = f"{name!r} comes before {other}, given {inner.name!r}"
        raise file.error("aggregator.chain", message)
    return partial(WRAPPERS[name], **{takes: inner})


def pieces_of(
    file: ExperimentFile, algorithm: Algorithm, values: Table | None
) -> list[Link | Aggregator]:
    """The pieces of the chain that the table tells, or the user's own aggregator.

    They end in the algorithm's own mean where the table has no rule.
    """
    if values is None:
        return [algorithm.aggregator]
    if isinstance(values, OwnAggregator):
        return [own(file, values)]
    names = cast(Chain, values).chain
    given = {name: getattr(values, name).model_dump() for name in names}
    pieces: list[Link | Aggregator] = []
    for name in reversed(names):
        with file.blame(f"aggregator.{name}"):
            if name in WRAPPERS:
                inner = pieces.pop(0) if pieces else algorithm.aggregator
                pieces.insert(0, around(file, name, inner)(**given[name]))
            else:
                pieces.insert(0, PIECES[name](**given[name]))
    if not isinstance(pieces[-1], Aggregator):
        pieces.append(algorithm.aggregator)
    return pieces


def aggregated(
    file: ExperimentFile, algorithm: Algorithm, tables: dict[str, Table], population: int
) -> Algorithm:
    """`algorithm` with the aggregator that `[aggregator]` tells, attacked as `[attack]` tells."""
    pieces = pieces_of(file, algorithm, tables.get("aggregator"))
    if "attack" in tables:
        pieces = under_attack(file, cast(schema.Attack, tables["attack"]), pieces, population)
    with file.blame("aggregator"):
        return algorithm.with_aggregator(pieces[0] if len(pieces) == 1 else chain(*pieces))


def own(file: ExperimentFile, values: OwnAggregator) -> Aggregator:
    """What the user's function returns."""
    found = call(file, "aggregator.python", values.python)
    if isinstance(found, Aggregator):
        return found
    expected = f"expected a fedwhy.aggregators.Aggregator, given {type(found).__name__}"
    raise file.error("aggregator.python", expected)
