"""Ditto: each client also trains a model of its own, which is held near the global one.

Li, Hu, Beirami and Smith, "Ditto: Fair and Robust Federated Learning Through Personalization",
ICML 2021, Algorithm 1.

    server sends w
    for each client k of the cohort, in parallel:
        w_k = LocalSGD(w)
        for each of the same batches:
            v_k = v_k - eta (gradient of F_k at v_k + lambda (v_k - w))
        sends w_k - w
    w = w + mean(w_k - w)

The client uses v_k, which never leaves it. The global model is that of FedAvg, whatever lambda.
"""

from dataclasses import replace
from typing import NamedTuple

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, ClientWork
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.training import Kept, Local
from fedwhy.models import Model, Weights
from fedwhy.parameters import NotNegative, checked


class Both(NamedTuple):
    """The client at work on the global model, and at work on its own."""

    shared: Local
    own: Local


class Keeps(NamedTuple):
    """The client's own model `v_k`, and what training the global one keeps."""

    own: Weights
    shared: Kept


@recorded
@checked
def ditto(
    model: Model,
    client: LocalSGD,
    *,
    lam: NotNegative = 0.1,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """FedAvg whose clients train a second model, with `lam / 2 |v - w|^2` added to its loss.

    `lam` is the paper's lambda: 0 trains every client's model alone, a large one leaves it at the
    global model. A client's own model begins as the first global one. `client` trains both.
    """
    base = fedavg(model, client.whole("ditto"), server=server, weighting=weighting)

    def work(model: Model) -> ClientWork:
        shared, own = client.work(model), replace(client, proximal=lam).work(model)

        def enrol(weights: Weights) -> Keeps:
            return Keeps(weights, shared.enrol(weights))

        def start(broadcast: Broadcast, kept: Keeps, client, key) -> Both:
            return Both(
                shared.start(broadcast, kept.shared, client, key),
                own.start(Broadcast(kept.own), kept.shared, client, key),
            )

        def step(local: Both, batch: Batch, broadcast: Broadcast, key) -> Both:
            return Both(
                shared.step(local.shared, batch, broadcast, key),
                own.step(local.own, batch, broadcast, key),
            )

        def finish(local: Both, broadcast: Broadcast):
            message, kept, metrics = shared.finish(local.shared, broadcast)
            return message, Keeps(local.own.weights, kept), metrics

        return shared._replace(
            enrol=enrol,
            start=start,
            step=step,
            finish=finish,
            own=lambda kept, broadcast: kept.own,
        )

    return base._replace(name="ditto", client=work)
