"""`[aggregator]`: a chain of pieces by name, which ends in a rule, such as a median.

Where it ends in none, the algorithm's own mean follows. `python = "module:function"` is the user's
own aggregator instead.
"""

from typing import cast

from fedwhy.aggregators import Aggregator, Link
from fedwhy.algorithms import Algorithm
from fedwhy.errors import ParameterError
from fedwhy.experiment import tables as schema
from fedwhy.experiment.attacking import under_attack
from fedwhy.experiment.file import ExperimentFile, Table
from fedwhy.experiment.own_code import call
from fedwhy.experiment.pieces import Chain, built, chain_table, joined


class OwnAggregator(Table):
    """`[aggregator]`: `python = "module:function"` that returns a `fw.aggregators.Aggregator`."""

    python: str


def table(file: ExperimentFile) -> type[Table]:
    """`[aggregator]` with a table for every piece of its chain, or for the user's own."""
    if "python" in file.tables["aggregator"]:
        return OwnAggregator
    return chain_table(file, "aggregator")


def aggregated(
    file: ExperimentFile, algorithm: Algorithm, tables: dict[str, Table], population: int
) -> Algorithm:
    """`algorithm` with the aggregator that `[aggregator]` tells, attacked as `[attack]` tells."""
    pieces = pieces_of(file, algorithm, tables.get("aggregator"))
    if "attack" in tables:
        pieces = under_attack(file, cast(schema.Attack, tables["attack"]), pieces, population)
    if "aggregator" not in tables:
        try:
            return algorithm.with_aggregator(joined(pieces))
        except ParameterError as error:
            raise file.error("attack", error.message) from error
    with file.blame("aggregator"):
        return algorithm.with_aggregator(joined(pieces))


def pieces_of(
    file: ExperimentFile, algorithm: Algorithm, values: Table | None
) -> list[Link | Aggregator]:
    """The pieces that the table tells; without one the algorithm's own mean."""
    if values is None:
        return [algorithm.aggregator]
    if isinstance(values, OwnAggregator):
        return [own(file, values)]
    return built(file, "aggregator", cast(Chain, values), algorithm.aggregator)


def own(file: ExperimentFile, values: OwnAggregator) -> Aggregator:
    """What the user's function returns."""
    found = call(file, "aggregator.python", values.python)
    if isinstance(found, Aggregator):
        return found
    expected = f"expected a fedwhy.aggregators.Aggregator, given {type(found).__name__}"
    raise file.error("aggregator.python", expected)
