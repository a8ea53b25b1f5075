"""`observing`: an aggregator that makes nothing of the messages but a record of each.

Links and attacks stay in effect: what stands at the end of a chain is exchanged, and with it what
`WRAPPERS` wrap, so that the record holds what the rule would have seen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators import Aggregator, Decoded, Message, Stack, Traits, attacked, chain, mean
from fedwhy.aggregators.chain import linked, taken_apart
from fedwhy.aggregators.link import passed_on
from fedwhy.aggregators.weighting import Weighting, examples, uniform, weighting_of
from fedwhy.algorithms.compressed_broadcast import with_key
from fedwhy.algorithms.fltrust import rooted
from fedwhy.algorithms.trust import agreeing
from fedwhy.federated import trees

PyTree = Any

# What takes an aggregator and leaves the rule within it the last word.
WRAPPERS = (agreeing, attacked, rooted, with_key)


class Seen(NamedTuple):
    """The messages of a round, `[slots, ...]`.

    `trained` are the updates as the clients' work made them, `sent` as the rule would see them;
    `weight` float32 is what each counts in a mean; `there` bool, where there is a message that was
    taken; `position` int32 is the client's place in the population.
    """

    trained: PyTree
    sent: PyTree
    weight: jax.Array
    there: jax.Array
    position: jax.Array


class Observation(NamedTuple):
    """What the observed aggregator keeps at the server, and the last round's messages."""

    aggregator: PyTree
    seen: Seen


class Observed(NamedTuple):
    """A message of a client, as it was made and as the observed aggregator encodes it."""

    trained: PyTree
    encoded: PyTree


class Reached(NamedTuple):
    """What reaches the rule of a client's message, and what it counts there in a mean."""

    update: PyTree
    weight: jax.Array


def observing(aggregator: Aggregator, slots: int) -> Aggregator:
    """An aggregator of the aggregate 0, whose state holds the messages of the last round.

    A round has room for so many `slots`. The state of `aggregator` is read and stays as it is.
    """
    inner = watched(aggregator)

    def init(update: PyTree) -> Observation:
        return observation(aggregator.init(update), update, slots)

    def encode(message: Message, kept: PyTree, state: Observation, key: jax.Array):
        encoded, kept = inner.encode(message, kept, state.aggregator, key)
        return Observed(message.update, encoded), kept

    def decode(stack: Stack, state: Observation, key: jax.Array) -> Decoded:
        trained, encoded = stack.encoded
        total = inner.decode(stack._replace(encoded=encoded), state.aggregator, key).aggregate
        update, weight = total.encoded
        # A sketch is no update, and linear in it: it says nothing that `trained` does not.
        alike = jax.tree.structure(update) == jax.tree.structure(trained)
        sent = trees.cast(update, trained) if alike else trained
        seen = Seen(trained, sent, weight, total.sent, stack.position)
        return Decoded(jnp.zeros(()), Observation(state.aggregator, seen))

    return Aggregator("observing", encode, decode, init, inner.enrol, True, inner.refusal, least=0)


def observation(state: PyTree, update: PyTree, slots: int) -> Observation:
    """The state of an observed aggregator that has `state`, before there is a message."""
    rows = trees.zeros(update, slots)
    none = Seen(rows, rows, *(jnp.zeros(slots, kind) for kind in (jnp.float32, bool, jnp.int32)))
    return Observation(state, none)


def watched(aggregator: Aggregator) -> Aggregator:
    """`aggregator` with the same state, whose aggregate is the `Stack` of what its rule sees."""
    recipe = aggregator.recipe
    if recipe is not None and recipe.function is chain:
        refusal, links, rule = taken_apart(recipe.arguments["pieces"])
        return linked(refusal, [link._replace(decode=passed_on) for link in links], watched(rule))
    if recipe is not None and recipe.function in WRAPPERS:
        inner = watched(recipe.arguments["aggregator"])
        made = recipe.again(aggregator=inner)
        # A stack is no aggregate that messages could agree with in the next round.
        return made._replace(decode=behind(inner)) if recipe.function is agreeing else made
    weigh = weighting_of_rule(aggregator)

    def encode(message: Message, kept: PyTree, state: PyTree, key: jax.Array):
        return Reached(message.update, weigh(message) * jnp.float32(message.trust)), kept

    def decode(stack: Stack, state: PyTree, key: jax.Array) -> Decoded:
        return Decoded(stack, state)

    return Aggregator(
        aggregator.name,
        encode,
        decode,
        aggregator.init,
        aggregator.enrol,
        stacks=True,
        refusal=aggregator.refusal,
        traits=Traits(),
    )


def behind(aggregator: Aggregator) -> Callable[[Any, Any, jax.Array], Decoded]:
    """The `decode` of `aggregator`, given the state of what wraps it."""
    return lambda total, state, key: aggregator.decode(total, state.aggregator, key)


def weighting_of_rule(rule: Aggregator) -> Weighting:
    """What a message counts: by a mean's weighting, alike where the rule sees or hides each."""
    if rule.recipe is not None and rule.recipe.function is mean:
        return weighting_of(rule.recipe.settled["weighting"])
    return uniform if rule.stacks or rule.privacy else examples
