"""What the server sends, made smaller as well: clients begin with a compressed model.

Caldas, Konecny, McMahan and Talwalkar, "Expanding the Reach of Federated Learning by Reducing
Client Resource Requirements", 2018, section 3.1 (lossy compression of the model), with the server's
error feedback of Tang et al., "DoubleSqueeze", ICML 2019, Algorithm 1.

    server sends C(w_t + e_t)             e_0 = 0
    e_{t+1} = w_t + e_t - C(w_t + e_t)
    clients train from what they receive; w_{t+1} = w_t + the mean of what they learned
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators import Aggregator, Decoded, Link, Message
from fedwhy.aggregators.compression.arrays import Parted, join, part
from fedwhy.aggregators.compression.compressing import packed
from fedwhy.aggregators.compression.error_feedback import contracting
from fedwhy.algorithms.algorithm import Algorithm, Broadcast, Round, ServerState
from fedwhy.algorithms.recipe import recorded
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Weights

PyTree = Any


class Sending(NamedTuple):
    """What the algorithm remembers, what clients receive next, and what that leaves out."""

    memory: PyTree
    broadcast: Broadcast
    error: list[jax.Array]
    compressor: PyTree


class Keyed(NamedTuple):
    """The aggregator's state, and the data of the key for what the server sends next."""

    aggregator: PyTree
    key: jax.Array


@recorded
def compressed_broadcast(algorithm: Algorithm, link: Link) -> Algorithm:
    """`algorithm`, whose server sends its model, and all else, packed by `link`.

    `link` is one that keeps all numbers, such as `quantize(8)` or `half_precision()`: a model of
    which most weights are left out is none. A run is judged by the server's own weights. Take the
    aggregator first, `compressed_broadcast(fedavg(...).with_aggregator(...), quantize(8))`. Raises
    `ParameterError` where `link` compresses nothing, and for algorithms of several exchanges or
    models in a round, or whose clients begin with old models.
    """
    if link.compressor is None:
        raise ParameterError(
            "link", f"expected what compresses, such as quantize(8), given {link.name}"
        )
    if algorithm.first or algorithm.models or algorithm.max_staleness:
        raise ParameterError(
            "algorithm",
            f"{algorithm.name} sends more than one current model in a round; take fedavg or "
            "another that sends one",
        )
    compressor = contracting(link.compressor)

    def send(state: ServerState, error: list, memory: PyTree, key: jax.Array) -> ServerState:
        """`state` with what clients receive of it."""
        broadcast = algorithm.broadcast(state)
        large, others = part(broadcast)
        wanted = trees.add(large, error)
        message = compressor.pack(wanted, key, memory)
        received = compressor.unpack(message, wanted)
        sent = trees.cast(join(Parted(received, others), broadcast), broadcast)
        left, memory = trees.subtract(wanted, received), compressor.remember(message)
        return state._replace(memory=Sending(state.memory, sent, left, memory))

    def init(weights: Weights, population: int) -> ServerState:
        state = algorithm.init(weights, population)
        large = part(algorithm.broadcast(state)).large
        return send(state, trees.zeros(large), compressor.begin(large), jax.random.key(0))

    def server(state: ServerState, aggregate: PyTree, round: Round) -> ServerState:
        inside, key = inner(state), jax.random.wrap_key_data(state.aggregator.key)
        moved = algorithm.server(inside, aggregate, round)._replace(aggregator=state.aggregator)
        return send(moved, state.memory.error, state.memory.compressor, key)

    def inner(state: ServerState) -> ServerState:
        kept = state.aggregator and state.aggregator.aggregator
        return state._replace(memory=state.memory.memory, aggregator=kept)

    received = algorithm.received or (lambda broadcast: broadcast)
    return algorithm._replace(
        init=init,
        broadcast=lambda state: state.memory.broadcast,
        server=server,
        aggregator=with_key(algorithm.aggregator),
        evaluated=lambda state: algorithm.evaluated(inner(state)),
        received=lambda broadcast: packed(compressor, received(broadcast)),
    )


@recorded
def with_key(aggregator: Aggregator) -> Aggregator:
    """`aggregator`, whose state holds a key for the next round as well."""

    def init(update: PyTree) -> Keyed:
        return Keyed(aggregator.init(update), jnp.zeros(2, jnp.uint32))

    def encode(message: Message, client_state: PyTree, state: Keyed, key: jax.Array):
        return aggregator.encode(message, client_state, state.aggregator, key)

    def decode(total: Any, state: Keyed, key: jax.Array) -> Decoded:
        ours, next_one = jax.random.split(key)
        decoded = aggregator.decode(total, state.aggregator, ours)
        return decoded._replace(state=Keyed(decoded.state, jax.random.key_data(next_one)))

    name = f"{aggregator.name} of a compressed broadcast"
    return aggregator._replace(name=name, init=init, encode=encode, decode=decode)
