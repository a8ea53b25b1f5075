"""Pieces of aggregation by name, in a row: `chain` of `[aggregator]` and of `[broadcast]`.

    [aggregator]
    chain = ["clip", "bucketing", "krum"]
    clip.norm = 1.0
    krum.byzantine = 2

Each piece has its keys in a table of its name.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from pydantic import Field, create_model

from fedwhy.aggregators import LINKS, RULES, WRAPPERS, Aggregator, Link, chain
from fedwhy.errors import suggest
from fedwhy.experiment import tables as schema
from fedwhy.experiment.file import ExperimentFile, Table

PIECES = {**LINKS, **WRAPPERS, **RULES}


class Chain(Table):
    """Pieces in their order, and the keys of each."""

    chain: list[str]


def chain_table(file: ExperimentFile, table: str) -> type[Chain]:
    """The table with a table for every piece of its chain."""
    names = file.tables[table].get("chain", [])
    if not isinstance(names, list) or not names:
        message = f"expected the names of pieces in their order, given {names!r}"
        raise file.error(f"{table}.chain", message)
    for name in names:
        if not isinstance(name, str) or name not in PIECES:
            message = f"unknown piece {name!r}{suggest(str(name), tuple(PIECES))}"
            raise file.error(f"{table}.chain", message)
        if names.count(name) > 1:
            raise file.error(f"{table}.chain", f"{name!r} is there twice; give it once")
    return create_model("Chain", __base__=Chain, **{name: field(name) for name in names})


def keywords_of(name: str) -> dict[str, Any]:
    """The type and default of each key that the piece called `name` takes.

    The mean takes none: it is the algorithm's own, by `algorithm.weighting`.
    """
    return {} if name == "mean" else schema.keywords(PIECES[name])


def field(name: str) -> Any:
    """The table of one piece; it may be left out where every key has a default."""
    keys = schema.extend(Table, keywords_of(name))
    return (keys, Field(default_factory=dict, validate_default=True))


def built(
    file: ExperimentFile, table: str, values: Chain, last: Aggregator | None = None
) -> list[Link | Aggregator]:
    """The pieces of a chain, wrappers around what is behind them.

    `last` is the algorithm's own mean, which follows where no rule is, or where it is named.
    """
    pieces: list[Link | Aggregator] = []
    for name in reversed(values.chain):
        given = getattr(values, name).model_dump()
        with file.blame(f"{table}.{name}"):
            if name in WRAPPERS:
                inner = pieces.pop(0) if pieces else last
                pieces.insert(0, around(file, table, name, inner)(**given))
            elif name == "mean" and last is not None:
                pieces.insert(0, last)
            else:
                pieces.insert(0, PIECES[name](**given))
    if last is not None and not isinstance(pieces[-1], Aggregator):
        pieces.append(last)
    return pieces


def joined(pieces: Sequence[Link | Aggregator]) -> Aggregator:
    """A rule alone as it is, and pieces before it in a chain with it."""
    alone = pieces[0] if len(pieces) == 1 else None
    return alone if isinstance(alone, Aggregator) else chain(*pieces)


def around(
    file: ExperimentFile, table: str, name: str, inner: Link | Aggregator | None
) -> Callable[..., Link | Aggregator]:
    """The wrapper `name`, given the piece behind it."""
    takes = "rule" if isinstance(inner, Aggregator) else "link"
    if inner is not None and takes in inspect.signature(WRAPPERS[name]).parameters:
        return partial(WRAPPERS[name], **{takes: inner})
    of_rules = "rule" in inspect.signature(WRAPPERS[name]).parameters
    expected = "a rule, such as krum" if of_rules else "compression, such as quantize"
    given = "nothing" if inner is None else repr(inner.name)
    raise file.error(f"{table}.chain", f"{name!r} comes before {expected}, given {given}")
