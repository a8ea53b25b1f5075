"""Mime and MimeLite: clients step as a central optimizer would, with its statistics, frozen.

Karimireddy et al., "Breaking the Centralized Barrier for Cross-Device Federated Learning"
(Mime), NeurIPS 2021, Algorithm 1.

    server sends x and the statistics s of the base optimizer (U, V)
    each client i of the cohort S sends its gradient at x;   c = mean of them
    for each client i, in parallel:
        y_i = x
        for k in 1..K:
            g = gradient_i(y_i; batch) - gradient_i(x; batch) + c         (Mime)
              = gradient_i(y_i; batch)                                    (MimeLite)
            y_i = y_i - eta U(g, s)
        sends y_i
    s = V(c, s)
    x = mean(y_i)
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms.algorithm import Algorithm, Round, ServerState, Update
from fedwhy.algorithms.exchange import first_gradient
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.stepping import stepped
from fedwhy.federated import trees
from fedwhy.models import Model

PyTree = Any


class Memory(NamedTuple):
    """The base optimizer's statistics `s`, and the mean gradient `c` of the round."""

    statistics: PyTree
    gradient: PyTree


@recorded
def mime(model: Model, client: LocalSGD, *, weighting: str | Weighting = "uniform") -> Algorithm:
    """Mime, whose clients also take the noise of their batches and their drift out of gradients.

    The base optimizer is `client.optimizer`, any of optax: U is its step, V what the step makes
    of its state. Every local step takes a second gradient, at x. Raises `ParameterError` where
    parameters are personal.
    """

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, PyTree]:
        at_x = client.shared(jax.grad(step.loss)(step.broadcast.weights.params))
        corrected = jax.tree.map(
            lambda g, x, c: g - x + c, gradient, at_x, step.broadcast.extra.gradient
        )
        return corrected, step.local.memory

    algorithm = mimicking(model, client, Remedy("mime", correct=correct), weighting)
    return algorithm._replace(name="mime")


@recorded
def mimelite(
    model: Model, client: LocalSGD, *, weighting: str | Weighting = "uniform"
) -> Algorithm:
    """MimeLite: the frozen statistics alone, without the correction; with SGD it is FedAvg.

    The base optimizer is `client.optimizer`, as for `mime`. Raises `ParameterError` where
    parameters are personal.
    """
    algorithm = mimicking(model, client, Remedy("mimelite"), weighting)
    # Clients send their gradients, but c is not sent back to them.
    return algorithm._replace(
        name="mimelite", received=lambda broadcast: broadcast.extra.statistics
    )


def mimicking(
    model: Model, client: LocalSGD, remedy: Remedy, weighting: str | Weighting
) -> Algorithm:
    """Local training with the server's statistics, which the mean gradient renews in each round."""
    optimizer = optax.with_extra_args_support(client.optimizer)

    def frozen(updates: PyTree, state: PyTree, params: PyTree = None, **extra_args):
        change, _ = optimizer.update(updates, state, params, **extra_args)
        return change, state

    remedy = remedy._replace(optimizer=lambda broadcast: broadcast.extra.statistics, whole=True)
    local = replace(
        client.with_remedy(remedy),
        optimizer=optax.GradientTransformationExtraArgs(optimizer.init, frozen),
    )
    base = fedavg(model, local, weighting=weighting)

    def begin(params: PyTree) -> Memory:
        return Memory(optimizer.init(client.shared(params)), trees.zeros(client.shared(params)))

    def gather(server: ServerState, gradient: PyTree, round: Round) -> ServerState:
        gradient = trees.cast(client.shared(gradient), server.memory.gradient)
        return server._replace(memory=server.memory._replace(gradient=gradient))

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        statistics, gradient = server.memory
        params = client.shared(server.weights.params)
        _, statistics = stepped(optimizer, gradient, statistics, params)
        memory = Memory(statistics, gradient)
        return base.server(server, update, round)._replace(memory=memory)

    main = base.with_memory(begin)._replace(server=step)
    return first_gradient(main, server=gather, weighting=weighting)
