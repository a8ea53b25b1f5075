"""MOON: a client's representation is drawn to the global model's, away from its own last one.

Li, He and Song, "Model-Contrastive Federated Learning", CVPR 2021, Algorithm 1 and equation 3.

    for each client i of the cohort, in parallel:
        w_i = w
        for each batch x, y:
            z, z_global, z_last = representation of x by w_i, by w, by the last w_i of this client
            l_con = -log( exp(sim(z, z_global) / T) / (exp(sim(z, z_global) / T)
                                                       + exp(sim(z, z_last) / T)) )
            w_i = w_i - eta * gradient of (loss(w_i; x, y) + mu l_con)
        sends w_i
    w = sum_i p_i w_i

`sim` is the cosine of the angle between two representations.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Broadcast
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.tally import masked_mean
from fedwhy.algorithms.training import Local
from fedwhy.federated import paths, trees
from fedwhy.models import Model
from fedwhy.parameters import NotNegative, Positive, checked

PyTree = Any


class Memory(NamedTuple):
    """The client's last model, and whether it has one."""

    last: PyTree
    trained: jax.Array


@recorded
@checked
def moon(
    model: Model,
    client: LocalSGD,
    *,
    mu: NotNegative = 1.0,
    temperature: Positive = 0.5,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """Model-contrastive learning; `mu >= 0` is the weight of the contrast, and 0 is FedAvg.

    The representation is `model.features`: what the last layer sees, which Keras models and the
    zoo know; for others it is given to `Model.from_functions` or `from_flax`. A model without
    features is contrasted by its output. The models that are not trained are used as in
    evaluation, with the server's state (moving statistics). A client's first round has nothing
    to contrast with, and is FedAvg's.

    Raises `ParameterError` where parameters are personal.
    """

    def enrol(params: PyTree) -> Memory:
        return Memory(trees.zeros(params), jnp.zeros((), bool))

    def start(kept: Memory, broadcast: Broadcast, which) -> Memory:
        # Away from the global model and towards it, in equal parts, is no contrast at all.
        last = jax.tree.map(
            lambda own, all_: jnp.where(kept.trained, own, all_),
            kept.last,
            client.shared(broadcast.weights.params),
        )
        return kept._replace(last=last)

    def contrast(params: PyTree, step: Step) -> jax.Array:
        """The mean of `l_con` over the batch, weighted."""
        params_of_all, state_of_all = step.broadcast.weights
        mine, last = (paths.join(p, params_of_all) for p in (params, step.local.memory.last))
        z = represent(step.model, mine, step.local.weights.state, step, True)
        z_global = represent(step.model, params_of_all, state_of_all, step, False)
        z_last = represent(step.model, last, state_of_all, step, False)
        closer = similarity(z, z_last) - similarity(z, z_global)
        return mu * masked_mean(jax.nn.softplus(closer / temperature), step.batch.mask)

    def finish(update, local: Local, broadcast: Broadcast) -> tuple[PyTree, Memory]:
        return (), Memory(client.shared(local.weights.params), jnp.ones((), bool))

    remedy = Remedy("moon", enrol, start, penalty=contrast, finish=finish, whole=True)
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)
    return base._replace(name="moon")


def represent(model: Model, params: PyTree, state: PyTree, step: Step, train: bool) -> jax.Array:
    """The representation of a step's batch, `[batch, d]`."""
    if model.features:
        z = model.features(params, state, step.batch.x, step.key, train)
    else:
        z, _ = model.apply(params, state, step.batch.x, step.key, train)
    return z.reshape(len(z), -1)


def similarity(a: jax.Array, b: jax.Array) -> jax.Array:
    """The cosine of the angle between each of `[batch, d]` and its fellow, `[batch]`."""
    return optax.losses.cosine_similarity(a, b, epsilon=1e-8)
