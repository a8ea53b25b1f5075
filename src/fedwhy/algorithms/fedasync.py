"""FedAsync: every client that reports moves the model towards its own, less if it began long ago.

Xie, Koyejo and Gupta, "Asynchronous Federated Optimization", arXiv:1903.03934, 2019 (OPT 2020),
Algorithm 1, with the paper's functions s.

    whenever a client reports x_new, who began with x of tau steps ago:
        alpha_t = alpha s(tau)
        x = (1 - alpha_t) x + alpha_t x_new
    each client minimises its loss + rho / 2 |x_new - x of tau steps ago|^2
"""

from dataclasses import replace
from typing import Literal

from fedwhy.algorithms.algorithm import Algorithm, Client
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.staleness import constant, hinge, polynomial, with_stale_clients
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Count, NotNegative, Positive, PositiveFraction, checked


@recorded
@checked
def fedasync(
    model: Model,
    client: LocalSGD,
    *,
    alpha: PositiveFraction = 0.6,
    discount: Literal["constant", "polynomial", "hinge"] = "polynomial",
    exponent: NotNegative = 0.5,
    slope: Positive = 10.0,
    patience: Count = 4,
    rho: NotNegative = 0.005,
    max_staleness: Count = 10,
) -> Algorithm:
    """Asynchronous federated optimization; use `cohort=1`, one report a step, as in the paper.

    Train it with `sampler=fw.samplers.Asynchronous(...)` and a clock. `discount` is the paper's s:
    `"polynomial"` with `exponent` (its a), or `"hinge"` with `slope` (a) and `patience` (b). Of a
    larger cohort the mean of `alpha_t (x_new - x)` is added. Reports from models more than
    `max_staleness` steps old are dropped. Raises `ParameterError` where `client` has a proximal
    term of its own.
    """
    if client.proximal:
        raise ParameterError("proximal", f"the client has {client.proximal}; give fedasync its rho")
    discounts = {
        "constant": constant(),
        "polynomial": polynomial(exponent),
        "hinge": hinge(slope, patience),
    }

    def sent(learnt: Weights, behind: Weights, local: Client) -> Weights:
        shared = Weights(client.shared(behind.params), behind.state)
        towards = trees.add(learnt, shared)  # x_new - x
        return trees.scale(towards, alpha * discounts[discount](local.staleness))

    base = fedavg(model, replace(client, proximal=rho), weighting="uniform")
    return with_stale_clients(base, max_staleness, sent)._replace(name="fedasync")
