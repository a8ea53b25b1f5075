"""FedAvg: the mean of what the clients learned, applied by a server optimizer.

McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data",
AISTATS 2017, Algorithm 1; the server optimizer as in Reddi et al., ICLR 2021, Algorithm 1.

    for each round:
        for each client c of the cohort, in parallel:
            w_c = LocalSGD(w)
        w = w + ServerOptimizer( sum_c n_c (w_c - w) / sum_c n_c )
"""

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting, mean
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Broadcast,
    LocalTraining,
    Round,
    ServerState,
    Update,
)
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import sgd
from fedwhy.federated import paths, trees
from fedwhy.models import Model, Weights


@recorded
def fedavg(
    model: Model,
    client: LocalTraining,
    *,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Federated averaging: the mean of what the clients learned, by any server optimizer.

    `client` is the local training, such as `LocalSGD(optax.sgd(0.1), epochs=5)`. `server` is any
    optax optimizer (default: add the mean update as it is); it sees the negative mean update as
    its gradient. `weighting` is `"examples"`, `"uniform"`, or another of `mean`. The model's state
    moves by its mean update, untouched by the server optimizer.
    """
    optimizer = sgd() if server is None else server

    def init(weights: Weights, population: int) -> ServerState:
        return ServerState(weights, optimizer.init(weights.params))

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        params, state = server.weights
        mean_update = paths.fill(update.weights.params, params)
        gradient = trees.cast(trees.scale(mean_update, -1.0), params)
        change, memory = optimizer.update(gradient, server.optimizer, params)
        # What nobody sends stays, even where the optimizer would let it decay.
        change = jax.tree.map(
            lambda sent, c: jnp.zeros_like(c) if sent is None else c,
            *(update.weights.params, change),
            is_leaf=lambda sent: sent is None,
        )
        weights = Weights(trees.move(params, change), trees.move(state, update.weights.state))
        return server._replace(weights=weights, optimizer=memory)

    return Algorithm(
        name="fedavg",
        model=model,
        init=init,
        broadcast=lambda server: Broadcast(server.weights),
        client=client.work,
        aggregator=mean(weighting),
        server=step,
        received=lambda broadcast: broadcast._replace(
            weights=Weights(client.shared(broadcast.weights.params), broadcast.weights.state)
        ),
    )
