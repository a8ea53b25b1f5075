"""FedSGD: one exact gradient per client and round, one server step along their mean.

McMahan et al. 2017, section 2: with every client in the cohort this is gradient descent on the
union of their data.
"""

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.full_gradient import FullGradient
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import sgd
from fedwhy.models import Model
from fedwhy.parameters import BelowOne, Positive, checked


@recorded
@checked
def fedsgd(
    model: Model,
    client: FullGradient | None = None,
    *,
    learning_rate: Positive = 0.1,
    momentum: BelowOne = 0.0,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Federated gradient descent; `learning_rate` and `momentum` are the server's."""
    work = FullGradient() if client is None else client
    server = sgd(learning_rate, momentum)
    return fedavg(model, work, server=server, weighting=weighting)._replace(name="fedsgd")
