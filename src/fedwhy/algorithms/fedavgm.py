"""FedAvgM: FedAvg with momentum at the server.

Hsu, Qi and Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual
Classification", 2019: `v = momentum v + update; w = w + learning_rate v`.
"""

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, LocalTraining
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import sgd
from fedwhy.models import Model
from fedwhy.parameters import BelowOne, Positive, checked


@recorded
@checked
def fedavgm(
    model: Model,
    client: LocalTraining,
    *,
    learning_rate: Positive = 1.0,
    momentum: BelowOne = 0.9,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg with server momentum; `learning_rate` and `momentum` are the server's."""
    server = sgd(learning_rate, momentum)
    return fedavg(model, client, server=server, weighting=weighting)._replace(name="fedavgm")
