"""The weights that a run begins with."""

import jax

from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import FedwhyError
from fedwhy.models import Weights
from fedwhy.simulation.checks import example


def initial(setup: Setup) -> Weights | None:
    """The weights that `setup` begins with, by its seed; None where the model takes no example."""
    key = jax.random.fold_in(jax.random.key(setup.seed), 0)
    try:
        return setup.model.init(key, example(setup.clients)[0])
    except (FedwhyError, ValueError, TypeError):  # The run will be refused with the same.
        return None
