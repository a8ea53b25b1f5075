"""`aggregate`: one aggregation of messages that come from elsewhere, none of them trusted.

    arrived = aggregate(mean(), {"a": (update_a, 120), "b": (update_b, 80)}, like=update)
    model = trees.move(model, arrived.aggregate)
    arrived.refused  # {"b": "client 'b': dense/kernel: expected float32[3,4], given float32[4]"}

In a compiled round every message has the right shapes, whatever its numbers. One from another
program may lack an array, or have one that fits only by broadcasting. It is refused, with the
client and the array at fault by name, and all else is as if it had never come.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Message, Stack
from fedwhy.aggregators.checks import Refused, message_of
from fedwhy.aggregators.validation import REASONS
from fedwhy.errors import ParameterError, whole_number
from fedwhy.federated import trees
from fedwhy.federated.types import FederatedType, at_server

PyTree = Any


class ArrivalState(NamedTuple):
    """What stays between aggregations.

    - `number`: how many there were in which a message was taken
    - `aggregator`: what the aggregator keeps at the server
    - `clients`: what it keeps for each client, by id, in the order in which they first came
    """

    number: int
    aggregator: PyTree
    clients: dict[Hashable, PyTree]


class Arrival(NamedTuple):
    """What the server makes of the messages: see `aggregate`."""

    aggregate: PyTree
    state: ArrivalState
    refused: dict[Hashable, str]
    measured: dict[str, float]
    void: bool


def aggregate(
    aggregator: Aggregator,
    messages: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
    *,
    like: PyTree,
    state: ArrivalState | None = None,
    seed: int = 0,
) -> Arrival:
    """The aggregate of the clients' messages, by `aggregator`, as far as they can be taken.

    `messages` are those of one round by client id, or pairs of id and message; each is a `Message`
    or `(update, weight)`, the update as its client computed it. Whatever else a `Message` holds
    (`chance`, `trust`, `position`, `reference`) is not for its client to say, and left out. `like`
    is what updates must be: a pytree of arrays or of `jax.ShapeDtypeStruct`s. `state` is that of
    the aggregation before, None for the first. What is drawn follows from `seed`, the number of the
    aggregation and the client.

    A client is refused that sends two messages, one that lacks an array or has a surplus one,
    another shape, another dtype, a number that is not finite, a weight that is not positive, or
    what `aggregator.refusal` refuses. Returns the aggregate and the state as they would be without
    those clients; `refused`, the reason by client id; what the aggregator measured; and whether the
    round is `void`: fewer messages were taken than the aggregator needs, perhaps none at all, the
    aggregate is zero, and the state as it was.

    Raises `ParameterError` where `messages` are no messages by client, or `seed` is no seed, and
    `PlacementError` where `like` holds what is no array.
    """
    seed, expected = whole_number("seed", seed, at_most=2**32 - 1), at_server(like)
    zero = trees.zeros(expected.member)
    state = state or ArrivalState(0, aggregator.init(zero), {})
    taken, refused = sorted_out(aggregator, in_pairs(messages), expected)
    if len(taken) < aggregator.least:
        shapes = jax.eval_shape(lambda: aggregate_of_one(aggregator, zero, state))
        return Arrival(trees.zeros(shapes), state, refused, {}, void=True)

    encode, decode = compiled(aggregator)
    key = jax.random.fold_in(jax.random.key(seed), state.number)
    client_key, server_key = jax.random.split(key)
    enrolled = {client: aggregator.enrol(zero) for client in taken if client not in state.clients}
    clients = state.clients | enrolled
    position = {client: jnp.int32(number) for number, client in enumerate(clients)}
    messages_encoded = []
    for client, message in taken.items():
        each, clients[client] = encode(
            message.update,
            message.weight,
            position[client],
            clients[client],
            state.aggregator,
            jax.random.fold_in(client_key, position[client]),
        )
        if messages_encoded and not aggregator.stacks:  # One sum, however many clients there are.
            each = trees.add(messages_encoded.pop(), each)
        messages_encoded.append(each)
    total = messages_encoded[0]
    if aggregator.stacks:
        total = stack(messages_encoded, [position[client] for client in taken])
    decoded = decode(total, state.aggregator, server_key)
    measured = {name: float(value) for name, value in decoded.measured.items()}
    after = ArrivalState(state.number + 1, decoded.state, clients)
    return Arrival(decoded.aggregate, after, refused, measured, void=False)


def in_pairs(messages: Any) -> list[tuple[Hashable, Any]]:
    """`messages` as pairs of client id and message; raises `ParameterError` for anything else."""
    pairs = messages.items() if isinstance(messages, Mapping) else messages
    pairs = list(pairs) if isinstance(pairs, Iterable) else [pairs]
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], Hashable)):
            raise ParameterError(
                "messages",
                f"expected a mapping, or pairs of client id and message, given {pair!r:.60}",
            )
    return pairs


def sorted_out(
    aggregator: Aggregator, pairs: list[tuple[Hashable, Any]], expected: FederatedType
) -> tuple[dict[Hashable, Message], dict[Hashable, str]]:
    """The messages that are taken, and why the others are not, both by client id."""
    taken, refused = {}, {}
    times = Counter(client for client, _ in pairs)
    for client, given in pairs:
        try:
            if times[client] > 1:
                raise Refused(f"expected one message a round, given {times[client]}")
            message = message_of(given, expected)
            if reason := int(aggregator.refusal(message)):
                raise Refused(REASONS[reason])
            taken[client] = message
        except Refused as reason:
            refused[client] = f"client {client!r}: {reason}"
    return taken, refused


def aggregate_of_one(aggregator: Aggregator, zero: PyTree, state: ArrivalState) -> PyTree:
    """The aggregate of one message, for its shapes."""
    key = jax.random.key(0)
    message = Message(zero, jnp.float32(1), position=jnp.int32(0))
    encoded, _ = aggregator.encode(message, aggregator.enrol(zero), state.aggregator, key)
    total = stack([encoded], [jnp.int32(0)]) if aggregator.stacks else encoded
    return aggregator.decode(total, state.aggregator, key).aggregate


def stack(encoded: list[PyTree], positions: list[jax.Array]) -> Stack:
    """All messages, none of them absent."""
    rows = jax.tree.map(lambda *leaves: jnp.stack(leaves), *encoded)
    return Stack(rows, jnp.ones(len(encoded), bool), jnp.stack(positions))


@lru_cache(maxsize=16)
def compiled(aggregator: Aggregator) -> tuple[Any, Any]:
    """Its `encode` and `decode`, which are then compiled once for many aggregations."""

    def encode(update: PyTree, weight: jax.Array, position: jax.Array, *rest: Any):
        # Made in here, so that trust and chance, which nobody has set, are no arrays.
        return aggregator.encode(Message(update, weight, position=position), *rest)

    return jax.jit(encode), jax.jit(aggregator.decode)
