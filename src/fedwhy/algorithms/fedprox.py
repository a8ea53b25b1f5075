"""FedProx: FedAvg whose clients are held near the global model by a proximal term.

Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, Algorithm 2: each
client minimises `loss(w) + mu / 2 |w - w_global|^2`.
"""

from dataclasses import replace

import optax

from fedwhy.algorithms.algorithm import Algorithm
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.errors import ParameterError, number
from fedwhy.models import Model


def fedprox(
    model: Model,
    client: LocalSGD,
    *,
    mu: float = 0.01,
    server: optax.GradientTransformation | None = None,
    weighting: str = "examples",
) -> Algorithm:
    """FedAvg with the proximal term `mu / 2 |w - w_global|^2` at the client; `mu >= 0`.

    Raises `ParameterError` where `client` has a proximal term of its own.
    """
    if client.proximal:
        raise ParameterError("proximal", f"the client has {client.proximal}; give fedprox its mu")
    near = replace(client, proximal=number("mu", mu, at_least=0))
    return fedavg(model, near, server=server, weighting=weighting)._replace(name="fedprox")
