"""IFCA: the server holds k models, and each client trains the one with the lowest loss on its data.

Ghosh, Chung, Yin and Ramchandran, "An Efficient Framework for Clustered Federated Learning",
NeurIPS 2020, Algorithm 1; option II is model averaging, option I gradient averaging.

    server sends theta_1 .. theta_k
    for each client i of the cohort, in parallel:
        j = argmin over j of the loss of theta_j on all its examples
        sends j and LocalSGD(theta_j) - theta_j                                      (option II)
    theta_j = theta_j + mean of what clients sent for j, for each j

For option I, `client` is `FullGradient()`, and `server` holds the step size; the paper divides by
the size of the cohort there, not of the cluster. `clusters=1` is FedAvg.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message, Weighting
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Batch,
    Broadcast,
    ClientWork,
    LocalTraining,
    Update,
)
from fedwhy.algorithms.clusters import Keeps, Member, in_cluster, side_by_side
from fedwhy.algorithms.exchange import first_pass
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.tally import masked_sum
from fedwhy.data import Batching
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Count, checked

PyTree = Any


class Choosing(NamedTuple):
    """The client in its pass over its examples: the sums of their losses `[clusters]`."""

    losses: jax.Array
    kept: Keeps


@recorded
@checked
def ifca(
    model: Model,
    client: LocalTraining,
    *,
    clusters: Count = 2,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Clustered training where clients choose their cluster anew in every round.

    The models begin as `clusters` draws of the model's `init`. A run is judged by the model whose
    clients weighed most in the last round; each client's own model is the one that it chooses.
    """
    base = side_by_side(fedavg(model, client, server=server, weighting=weighting))

    def choose(model: Model) -> ClientWork:
        own = client.work(model).own

        def start(broadcast: Broadcast, kept: Keeps, client, key) -> Choosing:
            return Choosing(jnp.zeros(clusters), kept)

        def step(local: Choosing, batch: Batch, broadcast: Broadcast, key) -> Choosing:
            def loss(weights: Weights) -> jax.Array:
                if own:
                    weights = own(local.kept.kept, Broadcast(weights))
                output, _ = model.apply(*weights, batch.x, None, False)
                return masked_sum(model.loss(output, batch.y), batch.mask)

            return local._replace(losses=local.losses + jax.lax.map(loss, broadcast.weights))

        def finish(local: Choosing, broadcast: Broadcast):
            best = jnp.argmin(local.losses).astype(jnp.int32)
            return Message((), jnp.ones(())), local.kept._replace(place=best), {}

        batching = Batching(batch_size=128, epochs=1, shuffle=False)
        return ClientWork(batching, work(model).enrol, start, step, finish)

    def work(model: Model) -> ClientWork:
        chosen = in_cluster(
            client.work(model),
            cluster=lambda place, broadcast: place,
            place=lambda kept, client: kept.place,
        )

        def finish(local: Member, broadcast: Broadcast):
            message, kept, metrics = chosen.finish(local, broadcast)
            mine = jax.nn.one_hot(local.place, clusters)
            rows = jax.tree.map(
                lambda u: mine.reshape(-1, *(1,) * u.ndim).astype(u.dtype) * u,
                message.update.weights,
            )
            return message._replace(update=Update(rows, mine)), kept, metrics

        return chosen._replace(finish=finish)

    def sent(update: Update) -> PyTree:
        return trees.row(update.weights, 0), update.extra[0]

    main = base._replace(name="ifca", client=work, sent=sent, models=clusters)
    return first_pass(main, choose)
