"""APFL: each client uses a mixture of the global model and one of its own.

Deng, Kamani and Mahdavi, "Adaptive Personalized Federated Learning", 2020, Algorithm 1; alpha is
adapted by equation 10.

    server sends w
    for each client i of the cohort, in parallel:
        w_i = w
        for each batch, all from the values before it:
            mixed = alpha_i v_i + (1 - alpha_i) w_i
            w_i = w_i - eta g(w_i)
            v_i = v_i - eta alpha_i g(mixed)
            alpha_i = alpha_i - alpha_rate <v_i - w_i, g(mixed)>, within [0, 1]
        sends w_i - w
    w = w + mean(w_i - w)

The client uses alpha_i v_i + (1 - alpha_i) w. Where the paper's adaptive alpha moves at the
learning rate eta, it has a rate of its own here.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, ClientWork
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.training import Kept, Local
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Fraction, NotNegative, checked


class Mixture(NamedTuple):
    """The client at work on `w_i` and on `v_i`, and `alpha_i`, float32 scalar."""

    shared: Local
    own: Local
    alpha: jax.Array


class Keeps(NamedTuple):
    """The client's own model `v_i`, and its part in what the client uses, float32 scalar."""

    own: Weights
    alpha: jax.Array


@recorded
@checked
def apfl(
    model: Model,
    client: LocalSGD,
    *,
    alpha: Fraction = 0.5,
    alpha_rate: NotNegative = 0.0,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg whose clients mix a model of their own into it; `alpha` is the part of their own.

    With `alpha_rate` above 0, every client adapts its alpha, from `alpha` on. `client` trains both
    models; the model's state is that of the mixture.
    """
    base = fedavg(model, client.whole("apfl"), server=server, weighting=weighting)

    def mix(alpha: jax.Array, own: Weights, shared: Weights) -> Weights:
        params = jax.tree.map(
            lambda v, w: (alpha * v + (1 - alpha) * w).astype(v.dtype), own.params, shared.params
        )
        return Weights(params, own.state)

    def work(model: Model) -> ClientWork:
        training = client.training(model)

        def start(broadcast: Broadcast, kept: Keeps, client, key) -> Mixture:
            return Mixture(
                training.start(broadcast, Kept(), client, key),
                training.start(Broadcast(kept.own), Kept(), client, key),
                kept.alpha,
            )

        def step(local: Mixture, batch: Batch, broadcast: Broadcast, key) -> Mixture:
            shared, own, alpha = local
            mixed = own._replace(weights=mix(alpha, own.weights, shared.weights))
            gradient, seen, _ = training.gradient(mixed, batch, broadcast, key)
            own = own._replace(weights=Weights(own.weights.params, seen.weights.state))
            if alpha_rate:
                apart = trees.subtract(local.own.weights.params, shared.weights.params)
                adapted = jnp.clip(alpha - alpha_rate * trees.dot(apart, gradient), 0.0, 1.0)
            else:
                adapted = alpha
            return Mixture(
                training.step(shared, batch, broadcast, key),
                training.move(own, trees.scale(gradient, alpha)),
                adapted,
            )

        def finish(local: Mixture, broadcast: Broadcast):
            message, _, metrics = training.finish(local.shared, broadcast)
            return message, Keeps(local.own.weights, local.alpha), metrics

        return ClientWork(
            client.batching,
            lambda weights: Keeps(weights, jnp.float32(alpha)),
            start,
            step,
            finish,
            training.augment,
            own=lambda kept, broadcast: mix(kept.alpha, kept.own, broadcast.weights),
        )

    return base._replace(name="apfl", client=work)
