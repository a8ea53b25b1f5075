"""`Aggregator`: from the clients' messages to one aggregate."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from fedwhy.aggregators.validation import Refusal, validate
from fedwhy.privacy import Release
from fedwhy.recipe import Recipe

PyTree = Any


class Message(NamedTuple):
    """What a client sends.

    `update` is a pytree, usually `local - global` weights; `weight` is a float32 scalar, usually
    the client's number of examples; `chance` is how likely the client was drawn, compared with
    uniform sampling, float32 scalar; `trust` is a factor of whatever the message weighs in a mean,
    float32 scalar, not negative; `position` int32 is the sender's place in the population, which
    whoever delivers the message fills in.
    """

    update: PyTree
    weight: jax.Array
    chance: jax.typing.ArrayLike = 1.0
    trust: jax.typing.ArrayLike = 1.0
    position: jax.typing.ArrayLike = -1
    reference: PyTree = ()


def trusted(message: Message) -> bool:
    """Whether anybody has set how far the message is trusted, be it to an array or a number."""
    return isinstance(message.trust, jax.Array) or message.trust != 1.0


class Stack(NamedTuple):
    """The encoded messages of a cohort, for rules that need each of them.

    - `encoded`: a pytree with the axis `[slots]` first, zero where there is no message
    - `sent` bool `[slots]`: where there is a message
    - `position` int32 `[slots]`: the client's place in the population
    """

    encoded: PyTree
    sent: jax.Array
    position: jax.Array


class Decoded(NamedTuple):
    """What the server makes of a cohort's messages.

    `state` is the aggregator's next one; `measured` says what it did, float32 scalars by name,
    which go into the record of the round.
    """

    aggregate: PyTree
    state: PyTree
    measured: dict[str, jax.Array] = {}  # noqa: RUF012  (a NamedTuple's default, never changed)


class Traits(NamedTuple):
    """What a piece of aggregation is, so that combinations without a meaning can be refused.

    - `bounds`: behind it, no client moves the sum of updates by more than a known norm
    - `noisy`: it adds noise, which hides a client only where a norm is bounded
    - `packs`: it makes the update smaller on its way, and must be the last to touch it
    - `counts`: it weighs messages by what clients say of themselves, as numbers of examples
    - `hides`: the server sees the sum of the messages only
    - `carries`: what it holds back in one round comes in a later one, so that no bound of a norm
      holds behind it
    - `linked`: it is a chain, whose links come before what its rule sees
    - `attacked`: some of its messages are an attack's, which replaces them where it encodes them
    - `alike`: every message counts alike, however far its client is trusted
    """

    bounds: bool = False
    noisy: bool = False
    packs: bool = False
    counts: bool = False
    hides: bool = False
    carries: bool = False
    linked: bool = False
    attacked: bool = False
    alike: bool = False


def nothing(update: PyTree) -> PyTree:
    """No state."""
    return ()


class Aggregator(NamedTuple):
    """Pure functions from messages to an aggregate.

    - `encode(message, client_state, state, key) -> (encoded, client_state)`, at the client
    - `decode(total, state, key) -> Decoded`, at the server, with `total` the sum of `encoded` over
      the cohort, or, if the aggregator `stacks`, the `Stack` of them
    - `init(update) -> state`, kept at the server; `update` gives shapes
    - `enrol(update) -> client_state`, kept at each client between rounds, `()` if nothing
    - `refusal(message) -> int32`: 0 where the message is taken, else the number of the reason in
      `validation.REASONS`; a round is then as if the client had not taken part. By default those
      that `validate()` refuses
    - `packed(update)`: what the update is on its way, where that is not `update` itself; by shapes
      alone, for counting bytes
    - `least`: how many messages it needs. What it makes of fewer has no meaning: whoever runs the
      round leaves it out, and the state of the server and of the clients is as before
    - `privacy`: what it lets out, where it gives a guarantee of differential privacy, else None
    - `recipe`: the call that made it, or None where nobody recorded that

    Where only a sum passes from clients to server, updates are never stacked, and the same
    aggregator can run under a secure sum.
    """

    name: str
    encode: Callable[[Message, PyTree, PyTree, jax.Array], tuple[PyTree, PyTree]]
    decode: Callable[[Any, PyTree, jax.Array], Decoded]
    init: Callable[[PyTree], PyTree] = nothing
    enrol: Callable[[PyTree], PyTree] = nothing
    stacks: bool = False
    refusal: Refusal = validate()
    packed: Callable[[PyTree], PyTree] | None = None
    traits: Traits = Traits()
    least: int = 1
    privacy: Release | None = None
    recipe: Recipe | None = None

    def __repr__(self) -> str:
        return f"Aggregator({self.name!r})"


def changed(name: str, aggregator: Aggregator, change: Callable[[Message], Message]) -> Aggregator:
    """`aggregator` under another name, whose messages are changed before they are encoded."""

    def encode(message: Message, client_state: PyTree, state: PyTree, key: jax.Array):
        return aggregator.encode(change(message), client_state, state, key)

    return aggregator._replace(name=name, encode=encode, recipe=None)


def stacked(name: str, rule: Callable[[Stack], PyTree]) -> Aggregator:
    """The aggregate that `rule` makes of the `Stack` of all messages' updates, as float32."""

    def encode(message: Message, client_state: PyTree, state: PyTree, key: jax.Array):
        return message.update, client_state

    def decode(stack: Stack, state: PyTree, key: jax.Array) -> Decoded:
        return Decoded(rule(stack), state)

    return Aggregator(name, encode, decode, stacks=True, traits=Traits(alike=True))


def gather() -> Aggregator:
    """No aggregate but the `Stack` of all messages' updates."""
    return stacked("gather", lambda stack: stack)
