"""`ModelFacts`: what the untrained model does with a few batches of the clients' examples."""

from typing import NamedTuple

from fedwhy.diagnosis.setup import Setup


class ModelFacts(NamedTuple):
    """To be filled."""


def model_facts(setup: Setup) -> ModelFacts:
    """To be filled."""
    return ModelFacts()
