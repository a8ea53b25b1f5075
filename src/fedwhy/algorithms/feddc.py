"""FedDC: every client keeps its drift, trains around it, and adds it to what it sends.

Gao et al., "FedDC: Federated Learning with Non-IID Data via Local Drift Decoupling and
Correction", CVPR 2022, Algorithm 1.

    for each client i of the cohort, in parallel:
        theta_i = w
        for k in 1..K:
            theta_i = theta_i - eta * gradient of
                L_i(theta_i) + alpha / 2 |h_i + theta_i - w|^2 + <theta_i, g_i - g> / (eta K)
        g_i = theta_i - w
        h_i = h_i + g_i
        sends theta_i + h_i and g_i
    w = sum_i p_i (theta_i + h_i),   g = sum_i p_i g_i
"""

from typing import Any, NamedTuple

import jax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms import reach
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.training import Local
from fedwhy.federated import trees
from fedwhy.models import Model
from fedwhy.parameters import NotNegative, checked

PyTree = Any


class Kept(NamedTuple):
    """The drift `h_i`, and the last update per unit, `g_i / (eta K)`."""

    drift: PyTree
    last: PyTree


class Memory(NamedTuple):
    """`alpha (w - h_i) - (g_i - g) / (eta K)`, and how far training has gone."""

    kept: Kept
    pull: PyTree
    reach: reach.Reach


@recorded
@checked
def feddc(
    model: Model,
    client: LocalSGD,
    *,
    alpha: NotNegative = 0.1,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Local drift decoupling and correction; `alpha >= 0` ties a client to `w - h_i`.

    `eta K` is how far the client's own optimizer goes (see `reach`), so it may be any. A client
    begins with `h_i = g_i = 0`; absent clients keep theirs.
    """

    def enrol(params: PyTree) -> Kept:
        return Kept(trees.zeros(params), trees.zeros(params))

    def start(kept: Kept, broadcast: Broadcast, which) -> Memory:
        centre = trees.subtract(client.shared(broadcast.weights.params), kept.drift)
        correction = trees.subtract(kept.last, broadcast.extra)
        pull = trees.subtract(trees.scale(centre, alpha), correction)
        return Memory(kept, pull, reach.begin(client, broadcast.weights.params))

    def penalty(theta: PyTree, step: Step) -> jax.Array:
        # The pseudo-code's, less a constant; so each step reads one array beside the weights.
        return alpha / 2 * trees.squared_norm(theta) - trees.dot(step.local.memory.pull, theta)

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, Memory]:
        memory: Memory = step.local.memory
        further = reach.advance(client, memory.reach, step.local.client)
        return gradient, memory._replace(reach=further)

    def finish(update: PyTree, local: Local, broadcast: Broadcast) -> tuple[PyTree, Kept]:
        memory: Memory = local.memory
        last = reach.per_unit(update, client.shared(memory.reach.distance))
        return last, Kept(trees.add(memory.kept.drift, update), last)

    def send(update: PyTree, local: Local) -> PyTree:
        return trees.add(update, trees.add(local.memory.kept.drift, update))

    remedy = Remedy("feddc", enrol, start, penalty, correct, finish, send)
    base = fedavg(model, client.with_remedy(remedy), weighting=weighting)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        last = trees.cast(update.extra, server.memory)
        return base.server(server, update, round)._replace(memory=last)

    algorithm = base.with_memory(lambda params: trees.zeros(client.shared(params)))
    return algorithm._replace(name="feddc", server=step)
