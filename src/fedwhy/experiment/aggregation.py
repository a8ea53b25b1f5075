"""`[aggregator]`: a chain of pieces by name, which ends in a rule, such as a median.

Where it ends in none, or in `mean`, that is the algorithm's own mean. `python = "module:function"`
is the user's own aggregator instead.
"""

from typing import cast

from fedwhy.aggregators import RULES, Aggregator, Link
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
    check_weighting(file, tables)
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


def check_weighting(file: ExperimentFile, tables: dict[str, Table]) -> None:
    """Refuses a weighting of the algorithm's own mean where another rule takes its place.

    The default passes, for a run folder's file holds it.
    """
    default = type(tables["algorithm"]).model_fields.get("weighting")
    given = tables["algorithm"].model_dump().get("weighting")
    values = tables.get("aggregator")
    rule = "your own aggregator"
    if not isinstance(values, OwnAggregator):
        names = values.chain if isinstance(values, Chain) else []
        rule = next((name for name in names if name in RULES and name != "mean"), None)
    if rule and default and given != default.default:
        message = f"{rule} takes the place of the algorithm's mean, and its weighting; leave it out"
        raise file.error("algorithm.weighting", message)


def own(file: ExperimentFile, values: OwnAggregator) -> Aggregator:
    """What the user's function returns."""
    found = call(file, "aggregator.python", values.python)
    if isinstance(found, Aggregator):
        return found
    expected = f"expected a fedwhy.aggregators.Aggregator, given {type(found).__name__}"
    raise file.error("aggregator.python", expected)
