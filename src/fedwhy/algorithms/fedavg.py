"""FedAvg: the mean of what the clients learned, applied by a server optimizer.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data",
AISTATS 2017, Algorithm 1; the server optimizer as in Reddi et al., ICLR 2021, Algorithm 1.

    for each round:
        for each client c of the cohort, in parallel:
            w_c = LocalSGD(w)
        w = w + ServerOptimizer( sum_c n_c (w_c - w) / sum_c n_c )
"""

import optax

from fedwhy.aggregators import mean
from fedwhy.algorithms.algorithm import Algorithm, LocalTraining, ServerState
from fedwhy.algorithms.server_optimizers import sgd
from fedwhy.federated import trees
from fedwhy.models import Model, Weights


def fedavg(
    model: Model,
    client: LocalTraining,
    *,
    server: optax.GradientTransformation | None = None,
    weighting: str = "examples",
) -> Algorithm:
    """Federated averaging: the mean of what the clients learned, by any server optimizer.

    `client` is the local training, such as `LocalSGD(optax.sgd(0.1), epochs=5)`. `server` is any
    optax optimizer (default: add the mean update as it is); it sees the negative mean update as
    its gradient. `weighting` is `"examples"` or `"uniform"`. The model's state moves by its mean
    update, untouched by the server optimizer.
    """
    optimizer = sgd() if server is None else server
    aggregator = mean(weighting)

    def init(weights: Weights) -> ServerState:
        return ServerState(weights, optimizer.init(weights.params), aggregator.init(weights))

    def step(server: ServerState, update: Weights) -> ServerState:
        params, state = server.weights
        gradient = trees.cast(trees.scale(update.params, -1.0), params)
        change, memory = optimizer.update(gradient, server.optimizer, params)
        weights = Weights(trees.move(params, change), trees.move(state, update.state))
        return server._replace(weights=weights, optimizer=memory)

    return Algorithm(
        name="fedavg",
        model=model,
        init=init,
        broadcast=lambda server: server.weights,
        client=client.work,
        aggregator=aggregator,
        server=step,
    )
