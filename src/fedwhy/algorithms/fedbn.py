"""FedBN: FedAvg of all but normalisation layers, which stay at the client with their statistics.

Li et al., "FedBN: Federated Learning on Non-IID Features via Local Batch Normalization", ICLR
2021, Algorithm 1: b_i are the parameters and the statistics of client i's normalisation layers.

    server sends w
    for each client i of the cohort, in parallel:
        (w_i, b_i) = LocalSGD(w, b_i)
        sends w_i - w, keeps b_i
    w = w + mean(w_i - w)
"""

from dataclasses import replace

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.errors import ParameterError
from fedwhy.models import Model


@recorded
def fedbn(
    model: Model,
    client: LocalSGD,
    *,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Federated averaging in which every client normalises by itself.

    The normalisation layers are found by the names of their classes. Other state that no gradient
    trains stays at the client, too. The global model has statistics that nobody has updated: judge
    clients' own. A run raises `ModelError` where the model has no normalisation layer.
    """
    if client.state == "frozen":
        raise ParameterError(
            "state", 'fedbn updates statistics at the client, given "frozen"; leave it out'
        )
    training = replace(client.with_personal(model.in_normalization), state="client")
    return fedavg(model, training, server=server, weighting=weighting)._replace(name="fedbn")
