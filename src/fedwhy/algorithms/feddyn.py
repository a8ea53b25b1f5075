"""FedDyn: every client's loss is bent in each round, until all of them agree on the optimum.

Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021, Algorithm 1.

    for each client k of the cohort P, in parallel:
        theta_k = argmin  L_k(theta) - <g_k, theta> + alpha / 2 |theta - theta_server|^2
        g_k = g_k - alpha (theta_k - theta_server)
        sends theta_k
    h = h - alpha / m sum_{k in P} (theta_k - theta_server)          m: number of all clients
    theta_server = mean_{k in P} theta_k - h / alpha
"""

from typing import Any, NamedTuple

import jax

from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.training import Local
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Positive, checked

PyTree = Any


class Memory(NamedTuple):
    """`g_k`, and the point that training is held at, `theta_server + g_k / alpha`."""

    gradient: PyTree
    centre: PyTree


@recorded
@checked
def feddyn(model: Model, client: LocalSGD, *, alpha: Positive = 0.01) -> Algorithm:
    """Dynamic regularisation; `alpha > 0` says how strongly clients are held at the server's model.

    The argmin is approached by `client`, the local training. Every client counts alike, and the
    server's step is the paper's own: `h` is the memory of exactly these steps.
    """

    def start(kept: PyTree, broadcast: Broadcast, which) -> Memory:
        received = client.shared(broadcast.weights.params)
        return Memory(kept, trees.add(received, trees.scale(kept, 1 / alpha)))

    def penalty(theta: PyTree, step: Step) -> jax.Array:
        # The pseudo-code's, less a constant; so each step reads one array beside the weights.
        return alpha / 2 * trees.squared_norm(trees.subtract(theta, step.local.memory.centre))

    def finish(update: PyTree, local: Local, broadcast: Broadcast) -> tuple[PyTree, PyTree]:
        return (), trees.subtract(local.memory.gradient, trees.scale(update, alpha))

    remedy = Remedy("feddyn", trees.zeros, start, penalty, finish=finish)
    base = fedavg(model, client.with_remedy(remedy), weighting="uniform")

    def init(weights: Weights, population: int) -> ServerState:
        h = trees.zeros(client.shared(weights.params))
        return base.init(weights, population)._replace(memory=h)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        mean = update.weights.params
        h = trees.move(server.memory, trees.scale(mean, -alpha * round.clients / round.population))
        moved = trees.subtract(mean, trees.scale(h, 1 / alpha))
        update = update._replace(weights=update.weights._replace(params=moved))
        return base.server(server, update, round)._replace(memory=h)

    return base._replace(name="feddyn", init=init, server=step)
