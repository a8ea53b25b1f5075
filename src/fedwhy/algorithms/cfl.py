"""CFL: clusters of clients are split in two where their updates point apart.

Sattler, Müller and Samek, "Clustered Federated Learning: Model-Agnostic Distributed Multi-Task
Optimization under Privacy Constraints", IEEE TNNLS 2020, Algorithm 3, with its Algorithm 1 for the
best bipartition.

    each client i, in parallel: sends u_i = LocalSGD(theta_c) - theta_c, with c its cluster
    for each cluster c, of weighted mean u_c:
        if |u_c| < eps1 and max |u_i| > eps2:
            c1, c2 = bipartition of c whose greatest cosine a of u_i and u_k across is least
            if gamma_max < sqrt((1 - a) / 2):
                split c into c1 and c2, both with the model theta_c
    theta_c = theta_c + u_c, for each cluster c

There are at most so many clusters as asked for. A cluster is split only in a round in which all of
its clients take part, for the rule is one of all of them: let the cohort be the whole population.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Decoded, Stack, Weighting, mean
from fedwhy.aggregators.robust.distances import gram
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Broadcast,
    ClientWork,
    LocalTraining,
    Round,
    ServerState,
    Update,
)
from fedwhy.algorithms.clusters import in_cluster, side_by_side
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.splitting import Partition, Rule, Sent, one_cluster, split
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Count, Fraction, NotNegative, checked

PyTree = Any


@recorded
@checked
def cfl(
    model: Model,
    client: LocalTraining,
    *,
    clusters: Count = 4,
    eps1: NotNegative = 0.4,
    eps2: NotNegative = 1.6,
    gamma_max: Fraction = 0.0,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Clustered training by recursive bipartitions, into at most `clusters` clusters.

    `eps1` bounds the norm of a cluster's mean update (it has settled) and `eps2` the greatest norm
    of a client's (some have not); both depend on model and learning rate, and the run's record
    shows such norms. `gamma_max` is how far a client's update may be from that of its cluster, for
    want of data. A run is judged by the model of the heaviest cluster.
    """
    base = side_by_side(fedavg(model, client, server=server, weighting=weighting))
    average = mean(weighting)

    def decode(stack: Stack, partition: Partition, key) -> Decoded:
        weighted, weight = stack.encoded
        weight = jnp.where(stack.sent, weight, 0.0)
        each = jnp.where(weight > 0, weight, 1.0)
        products = gram(weighted.weights.params) / each / each[:, None]
        sent = Sent(stack.position, stack.sent, products, weight)
        partition = split(partition, sent, Rule(clusters, eps1, eps2, gamma_max))
        mine = jax.nn.one_hot(partition.of(stack.position), clusters, axis=0) * stack.sent
        mine /= jnp.where(jnp.any(weight > 0), jnp.sum(weight), 1.0)
        sums = jax.tree.map(lambda u: jnp.tensordot(mine, u, 1), weighted.weights)
        return Decoded(Update(sums, mine @ weight), partition)

    def init(weights: Weights, population: int) -> ServerState:
        copies = jax.tree.map(lambda a: jnp.stack([a] * clusters), weights)
        whole = one_cluster(population, clusters)
        return base.init(copies, population)._replace(aggregator=whole)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        models = trees.row(server.memory, server.aggregator.parent)
        return base.server(server._replace(memory=models), update, round)

    def work(model: Model) -> ClientWork:
        return in_cluster(
            client.work(model),
            cluster=lambda place, broadcast: broadcast.extra[place],
            place=lambda kept, client: client.position,
        )

    def received(broadcast: Broadcast) -> Weights:
        params, state = trees.row(broadcast.weights, 0)
        return Weights(client.shared(params), state)

    return base._replace(
        name="cfl",
        init=init,
        broadcast=lambda server: Broadcast(server.memory.weights, server.aggregator.cluster),
        client=work,
        aggregator=average._replace(name="clusters", decode=decode, stacks=True),
        server=step,
        received=received,
        waits="a cluster is split",
    )
