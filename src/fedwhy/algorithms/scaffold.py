"""SCAFFOLD: control variates take the drift out of every client's gradients.

Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", ICML 2020,
Algorithm 1; options I and II are those of its line 12.

    server sends x, c
    for each client i of the cohort S, in parallel:
        y_i = x
        for k in 1..K:
            y_i = y_i - eta_l (g_i(y_i) - c_i + c)
        c_i+ = gradient of all its examples at x                                      (option I)
             = c_i - c + (x - y_i) / (K eta_l)                                        (option II)
        sends y_i - x and c_i+ - c_i
    x = x + eta_g mean(y_i - x)
    c = c + |S| / N mean(c_i+ - c_i)
"""

from typing import Any, Literal, NamedTuple

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms import gradient_mean
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState, Update
from fedwhy.algorithms.exchange import first_gradient
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.local_sgd import LocalSGD
from fedwhy.algorithms.recipe import recorded
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.training import Local
from fedwhy.federated import trees
from fedwhy.models import Model
from fedwhy.parameters import checked

PyTree = Any


class Kept(NamedTuple):
    """The control `c_i`, and with option I the gradient at x."""

    control: PyTree
    gradient: PyTree = ()


class Memory(NamedTuple):
    """`c - c_i`, and with option II what tells the mean gradient of local steps."""

    kept: Kept
    correction: PyTree
    total: PyTree = ()


@recorded
@checked
def scaffold(
    model: Model,
    client: LocalSGD,
    *,
    option: Literal[1, 2] = 2,
    server: optax.GradientTransformation | None = None,
    weighting: str | Weighting = "uniform",
) -> Algorithm:
    """Stochastic controlled averaging, by control option 1 or 2.

    Option 2's `(x - y_i) / (K eta_l)` is the mean of the corrected gradients `g_i(y_i) - c_i + c`.
    That is what other optimizers than plain SGD take, so they need no learning rate. Option 1
    passes over all of the client's examples once more in every round.
    """

    def enrol(params: PyTree) -> Kept:
        zero = trees.zeros(params)
        return Kept(zero, zero if option == 1 else ())

    def start(kept: Kept, broadcast: Broadcast, which) -> Memory:
        correction = trees.subtract(broadcast.extra, kept.control)
        total = gradient_mean.begin(client, correction) if option == 2 else ()
        return Memory(kept, correction, total)

    def correct(gradient: PyTree, step: Step) -> tuple[PyTree, Memory]:
        memory: Memory = step.local.memory
        corrected = trees.add(gradient, memory.correction)
        if option == 2:
            memory = memory._replace(total=gradient_mean.advance(memory.total, corrected))
        return corrected, memory

    def finish(update: PyTree, local: Local, broadcast: Broadcast) -> tuple[PyTree, Kept]:
        memory: Memory = local.memory
        control, gradient = memory.kept
        if option == 1:
            new = gradient
        else:
            mean = gradient_mean.mean(client, memory.total, update, local.steps)
            new = trees.subtract(mean, memory.correction)
        return trees.subtract(new, control), Kept(new, gradient)

    remedy = Remedy("scaffold", enrol, start, correct=correct, finish=finish, whole=option == 1)
    base = fedavg(model, client.with_remedy(remedy), server=server, weighting=weighting)

    def step(server: ServerState, update: Update, round: Round) -> ServerState:
        moved = trees.scale(update.extra, round.clients / round.population)
        control = trees.move(server.memory, moved)
        return base.server(server, update, round)._replace(memory=control)

    algorithm = base.with_memory(lambda params: trees.zeros(client.shared(params)))
    algorithm = algorithm._replace(name="scaffold", server=step)
    if option == 2:
        return algorithm
    return first_gradient(
        algorithm,
        remember=lambda kept, gradient: kept._replace(gradient=client.shared(gradient)),
    )
