"""FedAdam: FedAvg with the adaptive server optimizer Adam.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, Algorithm 2 (without bias correction,
as in the paper); `server_optimizers.adam` holds the formulas.
"""

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, LocalTraining
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import adam
from fedwhy.models import Model
from fedwhy.parameters import BelowOne, Positive, checked


@recorded
@checked
def fedadam(
    model: Model,
    client: LocalTraining,
    *,
    learning_rate: Positive = 0.01,
    beta1: BelowOne = 0.9,
    beta2: BelowOne = 0.99,
    tau: Positive = 1e-3,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg with Adam at the server; `tau` is the paper's degree of adaptivity."""
    server = adam(learning_rate, beta1, beta2, tau)
    return fedavg(model, client, server=server, weighting=weighting)._replace(name="fedadam")
