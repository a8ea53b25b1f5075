"""`Link`: a piece of a chain before its rule."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from fedwhy.aggregators.aggregator import Decoded, Message, Traits, nothing
from fedwhy.aggregators.compressor import Compressor
from fedwhy.privacy import Release
from fedwhy.recipe import Recipe

PyTree = Any


class Changed(NamedTuple):
    """What a link makes of a message at the client.

    `reported` is a pytree of numbers, of which the server sees the sum over the cohort.
    """

    message: Message
    kept: PyTree = ()
    reported: PyTree = ()


def unchanged(message: Message, kept: PyTree, state: PyTree, key: jax.Array) -> Changed:
    """The message as it is."""
    return Changed(message, kept)


def passed_on(aggregate: PyTree, reported: PyTree, state: PyTree, key: jax.Array) -> Decoded:
    """The aggregate as it is."""
    return Decoded(aggregate, state)


class Link(NamedTuple):
    """A piece of a chain before its rule.

    - `encode(message, kept, state, key) -> Changed`, at the client
    - `decode(aggregate, reported, state, key) -> Decoded`, at the server, where `reported` is the
      sum of what clients have reported; no clients, no sum: it is zero then
    - `init(update) -> state`, kept at the server; `update` gives shapes
    - `enrol(update) -> kept`, kept at each client between rounds
    - `packed(update)`, `privacy` and `recipe`: as of an `Aggregator`
    - `compressor`: how it packs updates, if that is all it does, for links around it
    - `most(state) -> norm`: what it bounds the norm of updates by, where it does
    """

    name: str
    encode: Callable[[Message, PyTree, PyTree, jax.Array], Changed] = unchanged
    decode: Callable[[PyTree, PyTree, PyTree, jax.Array], Decoded] = passed_on
    init: Callable[[PyTree], PyTree] = nothing
    enrol: Callable[[PyTree], PyTree] = nothing
    packed: Callable[[PyTree], PyTree] | None = None
    traits: Traits = Traits()
    compressor: Compressor | None = None
    most: Callable[[PyTree], jax.typing.ArrayLike] | None = None
    privacy: Release | None = None
    recipe: Recipe | None = None

    def __repr__(self) -> str:
        return f"Link({self.name!r})"
