"""FedPer: FedAvg of the lower layers; the last ones stay at the client.

Arivazhagan et al., "Federated Learning with Personalization Layers", arXiv 1912.00818, 2019,
Algorithms 1 and 2: base layers w, which are shared, and personalization layers p_i.

    server sends w
    for each client i of the cohort, in parallel:
        (w_i, p_i) = LocalSGD(w, p_i)
        sends w_i - w, keeps p_i
    w = w + sum_i n_i (w_i - w) / sum_i n_i
"""

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.federated.paths import Filter
from fedwhy.models import Model


@recorded
def fedper(
    model: Model,
    client: LocalSGD,
    *,
    personal: Filter | None = None,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Federated averaging of all but the `personal` parameters, by default those of the last layer.

    `personal` names them as `LocalSGD` does, and adds to those that `client` has already.
    """
    training = client.with_personal(personal or model.in_last_layer)
    return fedavg(model, training, server=server, weighting=weighting)._replace(name="fedper")
