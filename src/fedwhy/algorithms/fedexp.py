"""FedExP: the server's step grows where clients' updates disagree, found anew in every round.

Jhunjhunwala, Wang and Joshi, "FedExP: Speeding Up Federated Averaging via Extrapolation", ICLR
2023, Algorithm 1.

    for each client i of the cohort S, in parallel:
        D_i = LocalSGD(w) - w
    D = mean(D_i)
    eta = max(1, mean(|D_i|^2) / (2 (|D|^2 + epsilon)))
    w = w + eta D
"""

import jax.numpy as jnp

from fedwhy.aggregators import Message, Weighting, changed
from fedwhy.algorithms.algorithm import Algorithm, LocalTraining, Round, ServerState, Update
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import NotNegative, checked


@recorded
@checked
def fedexp(
    model: Model,
    client: LocalTraining,
    *,
    epsilon: NotNegative = 1e-3,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """FedAvg with a server rate of its own in each round, 1 or more; `epsilon` bounds it.

    Both means are by `weighting`. It swings about the optimum at the end; see `fw.swa`.
    """
    base = fedavg(model, client, weighting=weighting)

    def measure(message: Message) -> Message:
        squared = trees.squared_norm(message.update.weights.params)
        return message._replace(update=message.update._replace(extra=squared))

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        params, state = update.weights
        of_mean = trees.squared_norm(params) + epsilon
        # A mean of nothing is a step of nothing, which no rate makes longer.
        ratio = update.extra / (2 * jnp.where(of_mean > 0, of_mean, 1))
        longer = trees.scale(params, jnp.maximum(1, ratio))
        return base.server(server, Update(Weights(longer, state)), round)

    return base._replace(
        name="fedexp", aggregator=changed("fedexp", base.aggregator, measure), server=step
    )
