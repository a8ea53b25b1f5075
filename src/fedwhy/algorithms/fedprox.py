"""FedProx: FedAvg whose clients are held near the global model by a proximal term.

Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, Algorithm 2: each
client minimises `loss(w) + mu / 2 |w - w_global|^2`.
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
from fedwhy.parameters import NotNegative, checked


@recorded
@checked
def fedprox(
    model: Model,
    client: LocalSGD,
    *,
    mu: NotNegative = 0.01,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg with the proximal term `mu / 2 |w - w_global|^2` at the client; `mu >= 0`.

    Raises `ParameterError` where `client` has a proximal term of its own.
    """
    if client.proximal:
        raise ParameterError("proximal", f"the client has {client.proximal}; give fedprox its mu")
    near = replace(client, proximal=mu)
    return fedavg(model, near, server=server, weighting=weighting)._replace(name="fedprox")
