"""FedALA: each client mixes the global model into its own, weight by weight, before it trains.

Zhang et al., "FedALA: Adaptive Local Aggregation for Personalized Federated Learning", AAAI 2023,
Algorithm 1.

    server sends w
    for each client i of the cohort, in parallel:
        for each batch, the share s of it:
            mixed = theta_i + (w - theta_i) * W_i
            W_i = W_i - eta g(mixed) * (w - theta_i), within [0, 1]
        theta_i = LocalSGD(theta_i + (w - theta_i) * W_i)
        sends theta_i - w
    w = w + mean(theta_i - w)

The client uses theta_i + (w - theta_i) * W_i; W_i begins as ones. Lower layers take w as it is.
Two things differ from the paper. When a client first learns W_i, it does so there until its loss
settles; here it takes one pass over its examples in every round, the first one too. And the share s
is taken of every batch, not of all examples.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Message, Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, ClientWork
from fedwhy.algorithms.exchange import first_pass
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.training import Kept, Local
from fedwhy.federated import paths
from fedwhy.models import Model, Weights
from fedwhy.parameters import Positive, PositiveFraction, checked

PyTree = Any


class Keeps(NamedTuple):
    """The client's parameters `theta_i`, and its mixing weights `W_i`."""

    own: PyTree
    mixing: PyTree


class Mixing(NamedTuple):
    """The client at work on its mixing weights, or on the model that they make."""

    local: Local
    kept: Keeps


@recorded
@checked
def fedala(
    model: Model,
    client: LocalSGD,
    *,
    lower: paths.Filter = (),
    eta: Positive = 1.0,
    share: PositiveFraction = 0.8,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg whose clients begin from their own mixture; the paper's eta, and s as a fraction.

    `lower` names the parameters that are taken from the global model as they are, like `personal`
    of `LocalSGD`. The model's state is the global one's.
    """
    base = fedavg(model, client.whole("fedala"), server=server, weighting=weighting)

    def enrol(weights: Weights) -> Keeps:
        if lower:
            paths.check_filter("lower", lower, weights.params)
        return Keeps(weights.params, jax.tree.map(jnp.ones_like, weights.params))

    def own(kept: Keeps, broadcast: Broadcast) -> Weights:
        params, state = broadcast.weights
        mixed = jax.tree.map(lambda w, own, m: m * w + (1 - m) * own, params, *kept)
        return Weights(mixed, state)

    def move(mixed: jax.Array, gradient: jax.Array, own: jax.Array, w: jax.Array) -> jax.Array:
        """The mixture after a step of `W_i`, which is never made: its bounds are `own` and `w`."""
        new = mixed - eta * jnp.square(w - own) * gradient
        return jnp.clip(new, jnp.minimum(own, w), jnp.maximum(own, w))

    def part(mixed: jax.Array, own: jax.Array, w: jax.Array, before: jax.Array) -> jax.Array:
        """`W_i` that makes this mixture; where both models agree, it is what it was before."""
        apart = w - own
        return jnp.where(apart == 0, before, (mixed - own) / jnp.where(apart == 0, 1.0, apart))

    def learn(model: Model) -> ClientWork:
        training = client.training(model)

        def start(broadcast: Broadcast, kept: Keeps, client, key) -> Mixing:
            mixed = Broadcast(own(kept, broadcast))
            return Mixing(training.start(mixed, Kept(), client, key), kept)

        def step(local: Mixing, batch: Batch, broadcast: Broadcast, key) -> Mixing:
            learner, kept = local
            taken = jnp.arange(len(batch.mask)) < jnp.ceil(share * jnp.sum(batch.mask))
            batch = batch._replace(mask=batch.mask * taken)
            gradient, seen, _ = training.gradient(learner, batch, broadcast, key)
            upper = paths.fill(paths.split(gradient, lower)[1], gradient)
            params, state = seen.weights
            moved = jax.tree.map(move, params, upper, kept.own, broadcast.weights.params)
            return Mixing(seen._replace(weights=Weights(moved, state)), kept)

        def finish(local: Mixing, broadcast: Broadcast):
            (params, _), kept = local.local.weights, local.kept
            mixing = jax.tree.map(part, params, kept.own, broadcast.weights.params, kept.mixing)
            examples = local.local.client.examples.astype(jnp.float32)
            return Message((), examples), kept._replace(mixing=mixing), {}

        batching = replace(client.batching, epochs=1, steps=None)
        return ClientWork(batching, enrol, start, step, finish, training.augment)

    def work(model: Model) -> ClientWork:
        training = client.training(model)

        def start(broadcast: Broadcast, kept: Keeps, client, key) -> Mixing:
            mixed = Broadcast(own(kept, broadcast))
            return Mixing(training.start(mixed, Kept(), client, key), kept)

        def step(local: Mixing, batch: Batch, broadcast: Broadcast, key) -> Mixing:
            return local._replace(local=training.step(local.local, batch, broadcast, key))

        def finish(local: Mixing, broadcast: Broadcast):
            message, _, metrics = training.finish(local.local, broadcast)
            return message, local.kept._replace(own=local.local.weights.params), metrics

        return ClientWork(client.batching, enrol, start, step, finish, training.augment, own=own)

    return first_pass(base._replace(name="fedala", client=work), learn)
