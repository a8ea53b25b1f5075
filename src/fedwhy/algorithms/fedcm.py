"""FedCM: the global momentum is sent to the clients, and part of each of their steps.

Xu et al., "FedCM: Federated Learning with Client-level Momentum", 2021, Algorithm 2.

    server sends x, D
    for each client i of the cohort, in parallel:
        y_i = x
        for k in 1..K:
            v = alpha g_i(y_i) + (1 - alpha) D
            y_i = y_i - eta_l v
        sends y_i - x
    D = - mean(y_i - x) / (eta_l K)
    x = x - eta_g D,   eta_g = eta_l K times the rate of the server's optimizer
"""

from typing import Any

import jax
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms import reach
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.federated import trees
from fedwhy.models import Model
from fedwhy.parameters import PositiveFraction, checked

PyTree = Any


@recorded
@checked
def fedcm(
    model: Model,
    client: LocalSGD,
    *,
    alpha: PositiveFraction = 0.1,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Client-level momentum; `alpha` is the share of a client's own gradient, and 1 is FedAvg.

    `eta_l K` is how far the client's own optimizer goes (see `reach`), the mean over the cohort
    where it differs. Clients keep nothing, so it suits many clients that are rarely seen.
    """

    def start(kept, broadcast: Broadcast, which) -> reach.Reach:
        return reach.begin(client, broadcast.weights.params)

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, reach.Reach]:
        mixed = jax.tree.map(
            lambda g, d: alpha * g + (1 - alpha) * d, gradient, step.broadcast.extra
        )
        return mixed, reach.advance(client, step.local.memory, step.local.client)

    def finish(update, local, broadcast: Broadcast) -> tuple[PyTree, PyTree]:
        return client.shared(local.memory.distance), ()

    remedy = Remedy("fedcm", start=start, correct=correct, finish=finish)
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        momentum = trees.scale(reach.per_unit(update.weights.params, update.extra), -1.0)
        momentum = trees.cast(momentum, server.memory)
        return base.server(server, update, round)._replace(memory=momentum)

    algorithm = base.with_memory(lambda params: trees.zeros(client.shared(params)))
    return algorithm._replace(name="fedcm", server=step)
