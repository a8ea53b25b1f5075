"""`DataFacts`: what clients tell of their examples, from sums that they may send."""

from typing import NamedTuple

from fedwhy.diagnosis.setup import Setup


class DataFacts(NamedTuple):
    """To be filled."""


def data_facts(setup: Setup) -> DataFacts:
    """To be filled."""
    return DataFacts()
