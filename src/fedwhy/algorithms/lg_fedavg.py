"""LG-FedAvg: FedAvg of the last layer; the layers below stay at the client.

Liang et al., "Think Locally, Act Globally: Federated Learning with Local and Global
Representations", arXiv 2001.01523, 2020, Algorithm 1: local representations l_i of whatever a
client's examples look like, and one global model g on top of them.

    server sends g
    for each client i of the cohort, in parallel:
        (l_i, g_i) = LocalSGD(l_i, g)
        sends g_i - g, keeps l_i
    g = g + sum_i n_i (g_i - g) / sum_i n_i
"""

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.federated.paths import Filter, rest
from fedwhy.models import Model


@recorded
def lg_fedavg(
    model: Model,
    client: LocalSGD,
    *,
    personal: Filter | None = None,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Federated averaging of what lies above the `personal` parameters, by default the last layer.

    `personal` names them as `LocalSGD` does, and adds to those that `client` has already.
    """
    training = client.with_personal(personal or rest(model.in_last_layer))
    return fedavg(model, training, server=server, weighting=weighting)._replace(name="lg_fedavg")
