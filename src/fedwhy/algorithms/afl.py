"""AFL: the model that is best for the worst mixture of clients.

Mohri, Sivek and Suresh, "Agnostic Federated Learning", ICML 2019, Algorithm 1 (Stochastic-AFL),
with local training in place of one stochastic gradient.

    lambda = (1/N, ..., 1/N)
    for each client k of the cohort S, in parallel:
        F_k = loss of all its examples at w
        w_k = LocalSGD(w)
    w = w + sum_S lambda_k (w_k - w) / sum_S lambda_k
    lambda = projection of lambda + mixture_rate g onto the simplex
    g_k = F_k if all take part, N / |S| F_k in a cohort S of fewer, 0 outside of it

The paper lets every client take part in every round, and then the sums are its own. With a smaller
cohort, `g` is the estimate without bias of Deng, Kamani and Mahdavi, "Distributionally Robust
Federated Averaging", NeurIPS 2020, Algorithm 1, and the step is the mean over the cohort.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message, Stack, changed, gather
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.algorithms.exchange import first_loss
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy
from fedwhy.models import Model, Weights
from fedwhy.parameters import Positive, checked


class Mixture(NamedTuple):
    """lambda float32 `[population]`: of this round, and of the next once losses have come in."""

    now: jax.Array
    next: jax.Array


@recorded
@checked
def afl(
    model: Model,
    client: LocalSGD,
    *,
    mixture_rate: Positive = 0.01,
    server: optax.GradientTransformation | None = None,
) -> Algorithm:
    """Agnostic federated learning: `mixture_rate` is how fast clients with a high loss gain weight.

    A client whose weight has fallen to 0 does not count until its loss is high again. The server
    keeps the weight of every client of the population.
    """
    remedy = Remedy(
        "afl",
        finish=lambda update, local, broadcast: (
            broadcast.extra[local.client.position],
            local.memory,
        ),
    )
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting="importance")

    def by_mixture(message: Message) -> Message:
        update: Update = message.update
        return message._replace(update=update._replace(extra=()), weight=update.extra)

    def init(weights: Weights, population: int) -> ServerState:
        even = jnp.full(population, 1 / population)
        return base.init(weights, population)._replace(memory=Mixture(even, even))

    def ascend(server: ServerState, losses: Stack, round: Round) -> ServerState:
        mixture: Mixture = server.memory
        scaled = losses.encoded * (round.population / jnp.maximum(round.clients, 1))
        gradient = jnp.zeros_like(mixture.now).at[losses.position].add(scaled, mode="drop")
        higher = mixture.now + mixture_rate * gradient
        projected = optax.projections.projection_simplex(higher)
        return server._replace(memory=mixture._replace(next=projected))

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        mixture: Mixture = server.memory
        moved = base.server(server, update, round)
        return moved._replace(memory=mixture._replace(now=mixture.next))

    algorithm = base._replace(
        name="afl",
        init=init,
        broadcast=lambda server: Broadcast(server.weights, server.memory.now),
        aggregator=changed("mixture", base.aggregator, by_mixture),
        server=step,
    )
    by_chance = changed(
        "losses",
        gather(),
        lambda message: message._replace(update=message.update / message.chance),
    )
    main = first_loss(algorithm, server=ascend, aggregator=by_chance)
    # The server weighs what it receives; a client is told nothing of lambda.
    return main._replace(received=lambda broadcast: ())
