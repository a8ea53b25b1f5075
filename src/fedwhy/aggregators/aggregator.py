"""`Aggregator`: from the clients' messages to one aggregate."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

PyTree = Any


class Message(NamedTuple):
    """What a client sends.

    `update` is a pytree, usually `local - global` weights; `weight` is a float32 scalar, usually
    the client's number of examples.
    """

    update: PyTree
    weight: jax.Array


class Aggregator(NamedTuple):
    """Four pure functions; the sum of what `encode` returns is all that the server sees.

    - `init(update) -> state`, kept at the server; `update` gives shapes
    - `enrol(update) -> client_state`, kept at each client between rounds, `()` if nothing
    - `encode(message, client_state, state, key) -> (encoded, client_state)`, at the client
    - `decode(total, state, key) -> (aggregate, state)`, at the server, with `total` the sum of
      `encoded` over the cohort

    Because only a sum passes from clients to server, updates are never stacked, and the same
    aggregator can run under a secure sum.
    """

    init: Callable[[PyTree], PyTree]
    enrol: Callable[[PyTree], PyTree]
    encode: Callable[[Message, PyTree, PyTree, jax.Array], tuple[PyTree, PyTree]]
    decode: Callable[[PyTree, PyTree, jax.Array], tuple[PyTree, PyTree]]
