"""An exchange before the main one in a round, in which clients look at the global model first."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from fedwhy.aggregators import Aggregator, Weighting, mean
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Broadcast,
    ClientWork,
    Round,
    ServerState,
    Update,
)
from fedwhy.algorithms.full_gradient import FullGradient
from fedwhy.algorithms.full_loss import FullLoss
from fedwhy.algorithms.training import Kept
from fedwhy.federated import trees
from fedwhy.models import Model

PyTree = Any


class Pass(NamedTuple):
    """A client in its pass over its examples, and what it keeps."""

    local: PyTree
    kept: Kept


def first_gradient(
    main: Algorithm,
    *,
    remember: Callable[[Any, PyTree], PyTree] | None = None,
    server: Callable[[ServerState, PyTree, Round], ServerState] | None = None,
    weighting: str | Weighting = "examples",
) -> Algorithm:
    """`main`, in whose rounds each client first takes its gradient at the global model.

    `remember(kept, gradient) -> kept` is what the client's remedy keeps of it for the main
    exchange. `server(state, gradient, round) -> state` is given the mean gradient, by `weighting`;
    without it nothing is sent. Gradients are those of all of a client's examples.
    """

    def gradient(update: Update) -> PyTree:
        return trees.scale(update.weights.params, -1.0)

    return _first(main, FullGradient().work, gradient, remember, server, mean(weighting))


def first_loss(
    main: Algorithm,
    *,
    remember: Callable[[Any, jax.Array], PyTree] | None = None,
    server: Callable[[ServerState, PyTree, Round], ServerState] | None = None,
    aggregator: Aggregator | None = None,
) -> Algorithm:
    """`main`, in whose rounds each client first finds the loss of the global model, see `FullLoss`.

    `remember(kept, loss) -> kept` is what the client's remedy keeps of it for the main
    exchange. `server(state, aggregate, round) -> state` is given what `aggregator` makes of the
    losses, by default their mean weighted by examples; without it nothing is sent.
    """
    return _first(main, FullLoss().work, lambda loss: loss, remember, server, aggregator or mean())


def _first(
    main: Algorithm,
    look: Callable[[Model], ClientWork],
    found_in: Callable[[Any], PyTree],
    remember: Callable[[Any, PyTree], PyTree] | None,
    server: Callable[[ServerState, PyTree, Round], ServerState] | None,
    aggregator: Aggregator,
) -> Algorithm:
    """`main` after an exchange in which clients `look` at the global model, and keep the model.

    `found_in(update)` is what they find.
    """

    def client(model: Model) -> ClientWork:
        work = look(model)

        def start(broadcast, kept: Kept, client, key):
            return Pass(work.start(broadcast, (), client, key), kept)

        def step(local: Pass, batch, broadcast, key):
            return local._replace(local=work.step(local.local, batch, broadcast, key))

        def finish(local: Pass, broadcast):
            message, _, metrics = work.finish(local.local, broadcast)
            found, kept = found_in(message.update), local.kept
            if remember:
                kept = kept._replace(memory=remember(kept.memory, found))
            return message._replace(update=found if server else ()), kept, metrics

        return ClientWork(work.batching, main.client(model).enrol, start, step, finish)

    def received(broadcast: Broadcast) -> PyTree:
        return broadcast.extra if server else broadcast

    def keep(state: ServerState, aggregate: PyTree, round: Round) -> ServerState:
        return server(state, aggregate, round) if server else state

    first = main._replace(
        client=client,
        aggregator=aggregator,
        server=keep,
        received=lambda broadcast: broadcast.weights if server else (),
    )
    return main._replace(first=first, received=received)


def first_pass(main: Algorithm, client: Callable[[Model], ClientWork]) -> Algorithm:
    """`main`, in whose rounds each client first does the work `client`, and sends nothing.

    What that work keeps is what the main exchange begins with, and what a client's own model is
    made of. All of the broadcast comes before it.
    """
    first = main._replace(
        client=client,
        aggregator=mean(),
        server=lambda state, aggregate, round: state,
        sent=None,
    )
    return main._replace(first=first, received=lambda broadcast: (), adapt=client)
