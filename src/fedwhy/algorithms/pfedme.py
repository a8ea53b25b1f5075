"""pFedMe: clients send what makes the Moreau envelope of their loss small, and use its minimiser.

Dinh, Tran and Nguyen, "Personalized Federated Learning with Moreau Envelopes", NeurIPS 2020,
Algorithm 1.

    server sends w
    for each client i, in parallel:
        w_i = w
        for each batch:
            theta_i = K steps from theta_i towards argmin of loss(theta) + lambda/2 |theta - w_i|^2
            w_i = w_i - eta lambda (w_i - theta_i)
        sends w_i
    w = (1 - beta) w + beta mean(w_i)

The client uses theta_i. The paper leaves open how the inner problem is solved: here by K steps of
the client's optimizer on the batch, from where the last batch left theta_i, and from w at first.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, ClientWork
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.server_optimizers import sgd
from fedwhy.algorithms.training import Kept, Local
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Count, Positive, checked

PyTree = Any


class Pair(NamedTuple):
    """The client at work on `theta_i`, and the parameters `w_i`."""

    theta: Local
    params: PyTree


@recorded
@checked
def pfedme(
    model: Model,
    client: LocalSGD,
    *,
    lam: Positive = 15.0,
    eta: Positive = 0.05,
    inner_steps: Count = 5,
    beta: Positive = 1.0,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Personal models by Moreau envelopes; the paper's lambda, eta, K and beta.

    The optimizer of `client` solves the inner problem; gradient descent needs a learning rate
    below `2 / (lam + L)`, with L the smoothness of the loss. `eta lam`, at most 1, is how far w_i
    follows theta_i; the paper's experiments have 0.075, and more local steps than one epoch. The
    model's state is that of theta.

    Raises `ParameterError` where `client` has a proximal term of its own.
    """
    if client.proximal:
        raise ParameterError("proximal", f"the client has {client.proximal}; give pfedme its lam")
    near = replace(client.whole("pfedme"), proximal=lam)
    base = fedavg(model, near, server=sgd(beta), weighting=weighting)

    def work(model: Model) -> ClientWork:
        inner = near.work(model)

        def start(broadcast: Broadcast, kept, client, key) -> Pair:
            return Pair(inner.start(broadcast, Kept(), client, key), broadcast.weights.params)

        def step(local: Pair, batch: Batch, broadcast: Broadcast, key) -> Pair:
            theta, params = local
            centre = Broadcast(Weights(params, broadcast.weights.state))
            theta = jax.lax.fori_loop(
                0, inner_steps, lambda _, theta: inner.step(theta, batch, centre, key), theta
            )
            away = trees.subtract(params, theta.weights.params)
            return Pair(theta, trees.subtract(params, trees.scale(away, eta * lam)))

        def finish(local: Pair, broadcast: Broadcast):
            theta = local.theta.weights
            envelope = local.theta._replace(weights=theta._replace(params=local.params))
            message, _, metrics = inner.finish(envelope, broadcast)
            return message, theta, metrics

        return inner._replace(
            enrol=lambda weights: weights,
            start=start,
            step=step,
            finish=finish,
            own=lambda kept, broadcast: kept,
        )

    return base._replace(name="pfedme", client=work, adapt=work)
