"""FedLin: every local gradient is moved by the difference between all clients' and one's own.

Mitra et al., "Linear Convergence in Federated Learning: Tackling Client Heterogeneity and Sparse
Gradients", NeurIPS 2021, Algorithm 1 (without its compression of what is sent).

    server sends x
    each client i of the cohort sends its gradient at x;   g = mean of them
    for each client i, in parallel:
        y_i = x
        for k in 1..K_i:
            y_i = y_i - eta_i (gradient_i(y_i) - gradient_i(x) + g)
        sends y_i - x
    x = x + mean(y_i - x)
"""

from typing import Any

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState
from fedwhy.algorithms.exchange import first_gradient
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.federated import trees
from fedwhy.models import Model

PyTree = Any


@recorded
def fedlin(
    model: Model,
    client: LocalSGD,
    *,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Gradient correction from an exchange of gradients that begins every round.

    The gradient at x is that of all of a client's examples, the one at y_i that of a batch. For
    the rates `eta_i = eta / K_i` of the paper's theorems, see `LocalSGD(rate=...)`. Raises
    `ParameterError` where parameters are personal.
    """

    def start(kept: PyTree, broadcast: Broadcast, which) -> PyTree:
        return trees.subtract(broadcast.extra, kept)

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, PyTree]:
        return trees.add(gradient, step.local.memory), step.local.memory

    # What is kept is the gradient of the exchange before, of use in the same round only.
    remedy = Remedy("fedlin", trees.zeros, start, correct=correct, whole=True)
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)

    def gather(server: ServerState, gradient: PyTree, round: Round) -> ServerState:
        return server._replace(memory=trees.cast(client.shared(gradient), server.memory))

    return first_gradient(
        base.with_memory(lambda params: trees.zeros(client.shared(params)))._replace(name="fedlin"),
        remember=lambda kept, gradient: client.shared(gradient),
        server=gather,
        weighting=weighting,
    )
