"""FedAdagrad: FedAvg with the adaptive server optimizer Adagrad.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, Algorithm 2 (without bias correction,
as in the paper); `server_optimizers.adagrad` holds the formulas.
"""

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, LocalTraining
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import adagrad
from fedwhy.models import Model
from fedwhy.parameters import BelowOne, Positive, checked


@recorded
@checked
def fedadagrad(
    model: Model,
    client: LocalTraining,
    *,
    learning_rate: Positive = 0.1,
    beta1: BelowOne = 0.0,
    tau: Positive = 1e-3,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg with Adagrad at the server; `tau` is the paper's degree of adaptivity."""
    server = adagrad(learning_rate, beta1, tau)
    return fedavg(model, client, server=server, weighting=weighting)._replace(name="fedadagrad")
