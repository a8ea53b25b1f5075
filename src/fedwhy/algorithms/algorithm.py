"""`Algorithm` and `ClientWork`: a federated algorithm as one value of pure functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from fedwhy.aggregators import Aggregator, Message, attacked
from fedwhy.aggregators.meaning import check_sees
from fedwhy.algorithms.recipe import Recipe
from fedwhy.data import Batching
from fedwhy.data.augmentation import Augmentation
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.privacy import Release

PyTree = Any


class Batch(NamedTuple):
    """One local step's examples: `x`, `y` with axis `[batch]` first and `mask` float32 `[batch]`.

    `mask` is 1 for an example and 0 for padding; a batch holds at least one example.
    """

    x: PyTree
    y: Any
    mask: jax.Array


class Broadcast(NamedTuple):
    """What every client of a cohort receives: the global weights, and what else is sent."""

    weights: Weights
    extra: PyTree = ()


class Update(NamedTuple):
    """What a client has learned: `weights` are local - global; `extra` is what else it sends.

    Parameters that stay at the client are None.
    """

    weights: Weights
    extra: PyTree = ()


class Client(NamedTuple):
    """The client that works, and on which terms; scalars.

    - `position` int32: its place in the population, from 0
    - `examples` int32: how many it holds
    - `round` int32: the round that it works in, from 1
    - `staleness` int32: how many rounds old the model is that it begins with; 0 is the current one
    - `chance` float32: how likely it was drawn, compared with uniform sampling (1)
    """

    position: jax.Array
    examples: jax.Array
    round: jax.Array
    staleness: jax.Array
    chance: jax.Array


class Round(NamedTuple):
    """The round that the server ends; int32 scalars.

    - `number`: from 1
    - `clients`: how many sent a message; the planned number, where privacy hides who came
    - `population`: how many there are
    """

    number: jax.Array
    clients: jax.Array
    population: jax.Array


class ClientWork(NamedTuple):
    """What a client does in a round, as a stream of local steps.

    - `batching`: how the client's examples become batches
    - `enrol(weights) -> kept`, what the client keeps between rounds, without leaves if nothing
    - `start(broadcast, kept, client, key) -> local`, with a `Client`
    - `step(local, batch, broadcast, key) -> local`, one local step on a `Batch`
    - `finish(local, broadcast) -> (Message, kept, metrics)`; `metrics` is a dict with `"totals"`,
      see `Tally`, and `"update_norm"`, and where local training tells, `"course"` and `"clipped"`,
      see `Course` and `Clipped`
    - `augment(key, x, y) -> (x, y)`, what `step` does to a batch first, or None; it is named here
      so that it can be tried on the data before a run
    - `own(kept, broadcast) -> Weights`, the model that the client uses itself, or None where that
      is the global one
    - `privacy`: what single examples are hidden by, or None
    """

    batching: Batching
    enrol: Callable[[Weights], PyTree]
    start: Callable[[Any, PyTree, Client, jax.Array], PyTree]
    step: Callable[[PyTree, Batch, Any, jax.Array], PyTree]
    finish: Callable[[PyTree, Any], tuple[Message, PyTree, dict[str, Any]]]
    augment: Augmentation | None = None
    own: Callable[[PyTree, Any], Weights] | None = None
    privacy: Release | None = None


class ServerState(NamedTuple):
    """All that the server keeps between rounds: the weights and what its parts remember.

    `aggregator` is None until `Algorithm.begin` has asked the aggregator, which must know what
    clients send. `memory` is the algorithm's own, such as SCAFFOLD's control variate.
    """

    weights: Weights
    optimizer: PyTree
    aggregator: PyTree = None
    memory: PyTree = ()


def global_weights(server: ServerState) -> Weights:
    """The weights that most algorithms are judged by."""
    return server.weights


class Algorithm(NamedTuple):
    """A federated algorithm; the same value runs in simulation and on real clients.

    - `init(weights, population) -> ServerState`; `population` is the number of clients
    - `broadcast(server_state) -> Broadcast`, what every client of the cohort receives
    - `client(model) -> ClientWork`, the work at the client; whoever runs it gives it `model`, or
      the same model computed in another way
    - `aggregator`: the way from messages to an aggregate
    - `server(server_state, aggregate, round) -> ServerState`, with a `Round`
    - `first`: an exchange with the same clients that comes before this one in every round, or
      None; its server and client states are these
    - `evaluated(server_state) -> Weights`, the weights that a run is judged by
    - `received(broadcast)`: the part of a broadcast that one client needs, which is what counts
      as bytes; all of it, if None
    - `sent(update)`: the part of a message's update that one client sends, likewise
    - `adapt(model) -> ClientWork`: what a client does with its training examples before its own
      model is evaluated; what its `finish` keeps is what `own` is given then, and is forgotten
      afterwards; None where `own` needs no such pass
    - `models`: how many initial models it takes, each drawn by a key of its own; the weights that
      `init` is given then have the axis `[models]` first. None for one model without such an axis
    - `clustered`: whether the server has a model for each cluster of clients, of which
      `evaluated` is one
    - `waits`: what happens only in rounds of all clients, such as "a cluster is split"; None if
      nothing does
    - `max_staleness`: how many rounds old the model may be that a client begins with; 0 where all
      begin with the current one
    - `trusts`: what says at the client how far its message is trusted, or None
    - `recipe`: the call that made it, or None where nobody recorded that
    """

    name: str
    model: Model
    init: Callable[[Weights, int], ServerState]
    broadcast: Callable[[ServerState], Broadcast]
    client: Callable[[Model], ClientWork]
    aggregator: Aggregator
    server: Callable[[ServerState, PyTree, Round], ServerState]
    first: Algorithm | None = None
    evaluated: Callable[[ServerState], Weights] = global_weights
    received: Callable[[Broadcast], PyTree] | None = None
    sent: Callable[[PyTree], PyTree] | None = None
    adapt: Callable[[Model], ClientWork] | None = None
    models: int | None = None
    clustered: bool = False
    waits: str | None = None
    max_staleness: int = 0
    trusts: str | None = None
    recipe: Recipe | None = None

    def __repr__(self) -> str:
        return f"Algorithm({self.name!r}, {self.model!r}, {self.aggregator!r})"

    def begin(self, weights: Weights, population: int) -> ServerState:
        """Returns the state that the first round begins with, the aggregator's included."""
        server = self.init(weights, population)
        if server.aggregator is not None:
            return server
        update = trees.zeros(self.message(server).update)
        return server._replace(aggregator=self.aggregator.init(update))

    def message(self, server: ServerState) -> Message:
        """Returns a client's message by its shapes, as `jax.ShapeDtypeStruct`s."""
        work = self.client(self.model)

        def send(server: ServerState, key: jax.Array) -> Message:
            broadcast, one = self.broadcast(server), jnp.int32(1)
            client = Client(jnp.int32(0), one, one, jnp.int32(0), jnp.float32(1))
            local = work.start(broadcast, work.enrol(server.weights), client, key)
            return work.finish(local, broadcast)[0]

        return jax.eval_shape(send, server, jax.random.key(0))

    def with_aggregator(self, aggregator: Aggregator) -> Algorithm:
        """Returns it with another way from messages to the aggregate, such as a `chain`.

        That takes the place of the algorithm's mean, its weighting included. Raises
        `ParameterError` for an algorithm whose server needs more than one mean of the messages,
        unless it is its own, `attacked` or not; where the updates of several models would be
        compared with each other, where trust in clients would change nothing, and where a guarantee
        of privacy would not hold.
        """
        if aggregator is self.aggregator:
            return self
        if self.aggregator.name != "mean" and not is_under_attack(self.aggregator, aggregator):
            raise ParameterError(
                "aggregator",
                f"{self.name} needs its own ({self.aggregator.name}), so it cannot take "
                f"{aggregator.name}; take another algorithm",
            )
        if aggregator.privacy is not None and self.first is not None:
            raise ParameterError(
                "aggregator",
                f"clients of {self.name} send something before they train ({self.first.name}), "
                f"which {aggregator.name} would not hide; take another algorithm",
            )
        if aggregator.stacks and self.clustered:
            raise ParameterError(
                "aggregator",
                f"{self.name} has a model for each cluster of clients, and {aggregator.name} would "
                "compare updates of different models; take a mean",
            )
        if self.trusts is not None:
            check_sees(self.trusts, aggregator)
        again = Recipe(aggregating, {"algorithm": self, "aggregator": aggregator})
        return self._replace(aggregator=aggregator, recipe=self.recipe and again)

    def with_memory(self, begin: Callable[[PyTree], PyTree]) -> Algorithm:
        """Returns it with a server that remembers, first `begin(params)`, and sends its memory."""
        return self._replace(
            init=lambda weights, population: self.init(weights, population)._replace(
                memory=begin(weights.params)
            ),
            broadcast=lambda server: Broadcast(server.weights, server.memory),
        )


def is_under_attack(own: Aggregator, aggregator: Aggregator) -> bool:
    """Whether `aggregator` is `own` under one attack or several."""
    return any(attack.arguments["aggregator"] is own for attack in attacks_on(aggregator))


def attacks_on(aggregator: Aggregator) -> list[Recipe]:
    """The calls of `attacked` around all of an aggregator, the innermost first."""
    recipe = aggregator.recipe
    if recipe is None or recipe.function is not attacked:
        return []
    return [*attacks_on(recipe.arguments["aggregator"]), recipe]


def aggregating(algorithm: Algorithm, aggregator: Aggregator) -> Algorithm:
    """`algorithm.with_aggregator(aggregator)`, as a function for recipes.

    An algorithm that needs its own aggregator, and was made anew, has another one now: of
    `aggregator` the attacks are kept that were put around the former one.
    """
    own = algorithm.aggregator
    if own.name != "mean":
        since = attacks_on(aggregator)[len(attacks_on(own)) :]
        aggregator = reduce(lambda made, attack: attack.again(aggregator=made), since, own)
    return algorithm.with_aggregator(aggregator)


class LocalTraining(Protocol):
    """Client work that still waits for its model, as users write it: `LocalSGD(...)`."""

    def work(self, model: Model) -> ClientWork:
        """Returns the client work for `model`."""
        ...

    def shared(self, tree: PyTree) -> PyTree:
        """The part of a tree like the model's parameters that is sent; None for the personal."""
        ...
