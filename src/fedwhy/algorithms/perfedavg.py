"""Per-FedAvg: a global model from which one gradient step at a client makes a good model for it.

Fallah, Mokhtari and Ozdaglar, "Personalized Federated Learning with Theoretical Guarantees: A
Model-Agnostic Meta-Learning Approach", NeurIPS 2020, Algorithm 1; its first-order and Hessian-free
approximations are those of section 4 (FO and HF).

    server sends w
    for each client i of the cohort, in parallel:
        w_i = w
        for each of its local steps, on independent batches D, D' and D'':
            adapted = w_i - alpha g(w_i; D)
            v = g(adapted; D')
            h = 0                                                                   (first order)
              = (g(w_i + delta v; D'') - g(w_i - delta v; D'')) / (2 delta)        (Hessian-free)
            w_i = w_i - beta (v - alpha h)
        sends w_i
    w = mean(w_i)

The client uses the global model after a step of size alpha on all its examples. Where `client`
takes one batch in FedAvg, it takes two here (first order) or three, one after another.
"""

from dataclasses import replace
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, ClientWork
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.full_gradient import FullGradient
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.training import Kept, Local
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Positive, checked

PyTree = Any


class Meta(NamedTuple):
    """The client at `w_i`, how many batches it has taken, and what the last ones gave."""

    client: Local
    batches: jax.Array
    adapted: PyTree
    direction: PyTree


@recorded
@checked
def perfedavg(
    model: Model,
    client: LocalSGD,
    *,
    variant: Literal["first_order", "hessian_free"] = "first_order",
    alpha: Positive = 0.01,
    delta: Positive = 1e-3,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Meta-learning of a global model that adapts in one step; the paper's alpha and delta.

    The optimizer of `client` takes the outer steps: its learning rate is the paper's beta. The
    losses of a round are those of adapted models. A client keeps its last adapted model; its own
    model is adapted anew from the latest global one, by the gradient of all its examples.
    """
    parts = 2 if variant == "first_order" else 3
    longer = replace(
        client.whole("perfedavg"),
        epochs=client.epochs and parts * client.epochs,
        steps=client.steps and parts * client.steps,
    )
    base = fedavg(model, longer, server=server, weighting=weighting)

    def work(model: Model) -> ClientWork:
        training = longer.training(model)

        def start(broadcast: Broadcast, kept, client, key) -> Meta:
            params = broadcast.weights.params
            local = training.start(broadcast, Kept(), client, key)
            return Meta(local, jnp.int32(0), params, trees.zeros(params))

        def step(meta: Meta, batch: Batch, broadcast: Broadcast, key) -> Meta:
            local, _, adapted, v = meta
            w, state = local.weights

            def gradient(params: PyTree) -> tuple[PyTree, Local]:
                there = local._replace(weights=Weights(params, state))
                found, seen, _ = training.gradient(there, batch, broadcast, key)
                return found, seen._replace(weights=Weights(w, seen.weights.state))

            def along(params: PyTree, direction: PyTree, size: float) -> PyTree:
                return trees.add(params, trees.scale(direction, size))

            def adapt() -> Meta:
                return meta._replace(adapted=along(w, gradient(w)[0], -alpha))

            def look() -> Meta:
                found, seen = gradient(adapted)
                if variant == "first_order":
                    return meta._replace(client=training.move(seen, found))
                return meta._replace(client=seen, direction=found)

            def correct() -> Meta:
                (ahead, _), (behind, _) = (gradient(along(w, v, s)) for s in (delta, -delta))
                curved = trees.scale(trees.subtract(ahead, behind), 1 / (2 * delta))
                return meta._replace(client=training.move(local, along(v, curved, -alpha)))

            phases = [adapt, look, correct][:parts]
            done = jax.lax.switch(meta.batches % parts, phases)
            return done._replace(batches=meta.batches + 1)

        def finish(meta: Meta, broadcast: Broadcast):
            message, _, metrics = training.finish(meta.client, broadcast)
            return message, Weights(meta.adapted, meta.client.weights.state), metrics

        return ClientWork(
            longer.batching,
            lambda weights: weights,
            start,
            step,
            finish,
            training.augment,
            own=lambda kept, broadcast: kept,
        )

    def adapt(model: Model) -> ClientWork:
        full = FullGradient().work(model)

        def finish(local, broadcast: Broadcast):
            message, _, metrics = full.finish(local, broadcast)
            descent, _ = message.update.weights
            params, state = broadcast.weights
            adapted = Weights(trees.move(params, trees.scale(descent, alpha)), state)
            return message, adapted, metrics

        return full._replace(enrol=lambda weights: weights, finish=finish)

    return base._replace(name="perfedavg", client=work, adapt=adapt)
