"""FedNova: updates are normalised, so that clients with more local steps do not pull harder.

Wang et al., "Tackling the Objective Inconsistency Problem in Heterogeneous Federated
Optimization", NeurIPS 2020: normalised averaging, with the vectors a_i of section 4.

    for each client i, in parallel:
        y_i = K_i steps of the local optimizer from x
        sends (y_i - x) / |a_i|_1 and |a_i|_1
    x = x + tau_eff sum_i p_i (y_i - x) / |a_i|_1,    tau_eff = sum_i p_i |a_i|_1

`|a_i|_1` is K_i for SGD, `(K_i - rho (1 - rho^K_i) / (1 - rho)) / (1 - rho)` with momentum rho, and
`(1 - (1 - eta mu)^K_i) / (eta mu)` with the proximal term. The paper leaves `tau_eff` to the
server: this one is FedAvg's own (sum_i p_i K_i for SGD), so that with equal numbers of steps
FedNova is FedAvg.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms import reach
from fedwhy.algorithms.algorithm import Algorithm, Round, ServerState, Update
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.training import Local
from fedwhy.models import Model

PyTree = Any


@recorded
def fednova(
    model: Model,
    client: LocalSGD,
    *,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Normalised averaging, whatever the client's optimizer.

    `|a_i|_1` is not taken from a formula but measured: it is how far the optimizer itself goes
    under a constant gradient (see `reach`), up to a factor that cancels. For SGD with or without
    momentum and a proximal term these are the paper's numbers.

    `metrics["update_norm"]` is that of what is sent: of the mean gradient, in effect. Raises
    `ParameterError` in training where `client.optimizer` needs more than gradients.
    """

    def start(kept, broadcast, which) -> reach.Reach:
        return reach.begin(client, broadcast.weights.params)

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, reach.Reach]:
        return gradient, reach.advance(client, step.local.memory, step.local.client)

    def distance(local: Local) -> PyTree:
        return client.shared(local.memory.distance)

    remedy = Remedy(
        "fednova",
        start=start,
        correct=correct,
        send=lambda update, local: reach.per_unit(update, distance(local)),
        finish=lambda update, local, broadcast: (distance(local), ()),
    )
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        params = jax.tree.map(jnp.multiply, update.weights.params, update.extra)
        moved = update._replace(weights=update.weights._replace(params=params))
        return base.server(server, moved, round)

    return base._replace(name="fednova", server=step)
