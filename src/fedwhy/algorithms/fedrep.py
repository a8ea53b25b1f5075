"""FedRep: clients fit a head of their own to a common body, then improve the body.

Collins et al., "Exploiting Shared Representations for Personalized Federated Learning", ICML 2021,
Algorithm 1: body phi (the representation), heads h_i. It differs from FedPer in that the two take
turns.

    server sends phi
    for each client i of the cohort, in parallel:
        for each head step:
            h_i = h_i - eta gradient of h_i at (phi, h_i)
        phi_i = phi
        for each body step:
            phi_i = phi_i - eta gradient of phi_i at (phi_i, h_i)
        sends phi_i - phi, keeps h_i
    phi = phi + mean(phi_i - phi)
"""

from dataclasses import replace
from typing import Any

import jax
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Batch, Broadcast, Client, ClientWork
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy
from fedwhy.algorithms.training import Local
from fedwhy.errors import ParameterError
from fedwhy.federated.paths import ALL, Filter, rest
from fedwhy.models import Model
from fedwhy.parameters import Count, checked


@recorded
@checked
def fedrep(
    model: Model,
    client: LocalSGD,
    *,
    head: Count = 10,
    personal: Filter | None = None,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Federated representation learning; the `personal` parameters are the head.

    A client trains its head for `head` epochs, and then the body for the epochs of `client`; or for
    so many steps, where `client` counts `steps`. Each part has an optimizer of its own. The head is
    by default the last layer; `personal` names it as `LocalSGD` does, and adds to what `client`
    has already.
    """
    if client.trainable != ALL:
        raise ParameterError("trainable", "fedrep trains head and body in turns; leave it out")
    duration = "epochs" if client.epochs else "steps"
    training = replace(client, **{duration: head + getattr(client, duration)})
    training = training.with_personal(personal or model.in_last_layer)
    training = training.with_remedy(Remedy("fedrep"))

    def work(model: Model) -> ClientWork:
        parts = (
            replace(training, trainable=training.personal).work(model),
            replace(training, trainable=rest(training.personal)).work(model),
        )

        def start(broadcast: Broadcast, kept: Any, client: Client, key: jax.Array) -> Local:
            """Both parts' optimizers stand where `LocalSGD` has one."""
            locals = [part.start(broadcast, kept, client, key) for part in parts]
            return locals[0]._replace(optimizer=tuple(local.optimizer for local in locals))

        def step(local: Local, batch: Batch, broadcast: Broadcast, key: jax.Array) -> Local:
            def turn(number: int):
                def train(local: Local) -> Local:
                    optimizers = list(local.optimizer)
                    alone = local._replace(optimizer=optimizers[number])
                    moved = parts[number].step(alone, batch, broadcast, key)
                    optimizers[number] = moved.optimizer
                    return moved._replace(optimizer=tuple(optimizers))

                return train

            per_epoch = training.batching.steps_per_epoch(local.client.examples)
            switch = head * per_epoch if client.epochs else head
            return jax.lax.cond(local.steps < switch, turn(0), turn(1), local)

        return parts[1]._replace(start=start, step=step)

    base = fedavg(model, training, server=server, weighting=weighting)
    return base._replace(name="fedrep", client=work)
