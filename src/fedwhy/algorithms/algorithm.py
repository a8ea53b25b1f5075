"""`Algorithm` and `ClientWork`: a federated algorithm as one value of pure functions."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax

from fedwhy.aggregators import Aggregator, Message
from fedwhy.data import Batching
from fedwhy.data.augmentation import Augmentation
from fedwhy.models import Model, Weights

PyTree = Any


class Batch(NamedTuple):
    """One local step's examples: `x`, `y` with axis `[batch]` first and `mask` float32 `[batch]`.

    `mask` is 1 for an example and 0 for padding; a batch holds at least one example.
    """

    x: PyTree
    y: Any
    mask: jax.Array


class ClientWork(NamedTuple):
    """What a client does in a round, as a stream of local steps.

    - `batching`: how the client's examples become batches
    - `enrol(weights) -> client_state`, kept at the client between rounds, `()` if nothing
    - `start(broadcast, client_state, examples, key) -> local`; `examples` int32 is how many
      examples the client holds
    - `step(local, batch, broadcast, key) -> local`, one local step on a `Batch`
    - `finish(local, broadcast) -> (Message, client_state, metrics)`; `metrics` is a dict of
      float32 scalars and of `"totals"`, see `local_sgd.Tally`
    - `augment(key, x, y) -> (x, y)`, what `step` does to a batch first, or None; it is named here
      so that it can be tried on the data before a run
    """

    batching: Batching
    enrol: Callable[[Weights], PyTree]
    start: Callable[[PyTree, PyTree, jax.Array, jax.Array], PyTree]
    step: Callable[[PyTree, Batch, PyTree, jax.Array], PyTree]
    finish: Callable[[PyTree, PyTree], tuple[Message, PyTree, dict[str, Any]]]
    augment: Augmentation | None = None


class ServerState(NamedTuple):
    """All that the server keeps between rounds: the weights and what its parts remember."""

    weights: Weights
    optimizer: PyTree
    aggregator: PyTree


class Algorithm(NamedTuple):
    """A federated algorithm; the same value runs in simulation and on real clients.

    - `init(weights) -> ServerState`
    - `broadcast(server_state) -> PyTree`, what every client of the cohort receives
    - `client(model) -> ClientWork`, the work at the client; whoever runs it gives it `model`, or
      the same model computed in another way
    - `aggregator`: the way from messages to an aggregate
    - `server(server_state, aggregate) -> ServerState`
    """

    name: str
    model: Model
    init: Callable[[Weights], ServerState]
    broadcast: Callable[[ServerState], PyTree]
    client: Callable[[Model], ClientWork]
    aggregator: Aggregator
    server: Callable[[ServerState, PyTree], ServerState]


class LocalTraining(Protocol):
    """Client work that still waits for its model, as users write it: `LocalSGD(...)`."""

    def work(self, model: Model) -> ClientWork:
        """Returns the client work for `model`."""
        ...
