"""`attacked`: an aggregator some of whose clients send something else, for simulation.

    rule = bucketing(2, centred_clipping())
    chain(momentum(0.9), attacked(rule, alie(), clients=[3, 7]))

An attack replaces messages where the aggregator that it wraps would encode them. In front of links,
`attacked(chain(clip(1.0), mean()), ...)`, attackers lie about their updates, and what they send
passes through the links like any other. Behind them, `chain(clip(1.0), attacked(mean(), ...))`,
they leave the links out, and those who know what others send see what the links have made of it.
The attacks of papers on clients' momentum are of the second kind.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Stack, nothing, trusted
from fedwhy.aggregators.robust.rule import cleared, keep, mean_of
from fedwhy.errors import ParameterError, whole_number
from fedwhy.federated import trees
from fedwhy.recipe import recorded

PyTree = Any

# What a client's key is folded with for its attack, so that honest clients draw as they would.
ATTACK = 0x7FFFFFFE


class Alone(NamedTuple):
    """An attack by a client that knows its own update and the last aggregate only.

    `send(message, last, key) -> Message`; `last` is the last aggregate, zero in the first round,
    where the attack `remembers` it, else None.
    """

    name: str
    send: Callable[[Message, PyTree, jax.Array], Message]
    remembers: bool = False


class Omniscient(NamedTuple):
    """An attack by clients that know what all honest ones of the cohort send.

    - `craft(honest, attackers, state, key) -> (update, state)`: the update that each of them sends,
      of `honest`, a `Stack` of updates as float32, of which one at least is there, and of the
      number of attackers in the cohort, int32
    - `init(update) -> state`, what they remember from round to round
    """

    name: str
    craft: Callable[[Stack, jax.Array, PyTree, jax.Array], tuple[PyTree, PyTree]]
    init: Callable[[PyTree], PyTree] = nothing


class Attacked(NamedTuple):
    """An encoded message, whether an attacker sent it, and whether it was refused; or the sums."""

    encoded: PyTree
    attacks: jax.Array
    refused: jax.Array


class AttackedState(NamedTuple):
    """What the server keeps, and what the attackers remember, which is kept beside it."""

    aggregator: PyTree
    attack: PyTree


@recorded
def attacked(
    aggregator: Aggregator, attack: Alone | Omniscient, *, clients: Sequence[int]
) -> Aggregator:
    """`aggregator` where the clients at the positions `clients` send what `attack` makes of them.

    Which of their messages are taken `aggregator.refusal` judges by what they really send: one that
    is refused is left out, as if it had not come. So bounds of messages belong to it:
    `attacked(chain(validate(max_norm=5.0), mean()), ...)`. For attackers that know what others
    send, every message is held, whether or not the aggregator needs that. Measures `attacks`, how
    many there were, and `attacks_refused`.

    Raises `ParameterError` where `clients` are no positions, or where omniscient attackers stand
    in front of links that keep something at clients: let the links come first, in a chain.
    """
    positions = jnp.asarray([whole_number("clients", client) for client in clients], jnp.int32)
    if not len(set(clients)) == len(clients) > 0:
        raise ParameterError(
            "clients", f"expected the positions of one or more clients, given {clients!r}"
        )

    def is_attacker(position: jax.typing.ArrayLike) -> jax.Array:
        return jnp.isin(jnp.asarray(position), positions)

    def refusal(message: Message) -> jax.Array:
        return jnp.where(is_attacker(message.position), 0, aggregator.refusal(message))

    if isinstance(attack, Omniscient):
        hit = omniscient(aggregator, attack, is_attacker)
    else:
        hit = alone(aggregator, attack, is_attacker)
    return hit._replace(
        name=f"{aggregator.name} under {attack.name}",
        refusal=refusal,
        packed=aggregator.packed or (lambda update: update),
        traits=aggregator.traits._replace(attacked=True),
    )


def beneath_attacks(
    aggregator: Aggregator, wrap: Callable[[Aggregator], Aggregator], wrapper: str
) -> Aggregator:
    """`wrap(aggregator)` under the attacks of `aggregator`, so that it sees what attackers send.

    Raises `ParameterError` where an attack comes behind links: what `wrapper` sees is not yet what
    attackers send then.
    """
    recipe = aggregator.recipe
    if recipe is not None and recipe.function is attacked:
        inner = beneath_attacks(recipe.arguments["aggregator"], wrap, wrapper)
        return recipe.again(aggregator=inner)
    if aggregator.traits.attacked:
        raise ParameterError(
            "algorithm",
            f"{wrapper} scores updates before they pass through links, and in "
            f"{aggregator.name} attackers leave some of those out, so that not what they send "
            "would be scored; leave out the links before the attack, the attack, or the trust",
        )
    return wrap(aggregator)


def alone(aggregator: Aggregator, attack: Alone, is_attacker: Callable) -> Aggregator:
    """The attack at the client; what was streamed is streamed."""

    def init(update: PyTree) -> AttackedState:
        last = trees.zeros(trees.as_float32(update)) if attack.remembers else None
        return AttackedState(aggregator.init(update), last)

    def encode(message: Message, kept: PyTree, state: AttackedState, key: jax.Array):
        attacks = is_attacker(message.position)
        sent = attack.send(message, state.attack, jax.random.fold_in(key, ATTACK))
        message = choose(attacks, sent, message)
        refused = aggregator.refusal(message) != 0
        encoded, new = aggregator.encode(message, kept, state.aggregator, key)
        nothing_sent = jax.tree.map(jnp.zeros_like, encoded)
        encoded, kept = choose(refused, (nothing_sent, kept), (encoded, new))
        return Attacked(encoded, attacks * 1.0, refused * 1.0), kept

    def decode(total: Any, state: AttackedState, key: jax.Array) -> Decoded:
        if aggregator.stacks:
            rows, attacks, refused = total.encoded
            attacks, refused = jnp.sum(attacks * total.sent), refused * total.sent
            total = total._replace(encoded=rows, sent=total.sent & (refused == 0))
        else:
            total, attacks, refused = total
        decoded = aggregator.decode(total, state.aggregator, key)
        last = decoded.aggregate if attack.remembers else None
        measured = decoded.measured | {"attacks": attacks, "attacks_refused": jnp.sum(refused)}
        return Decoded(decoded.aggregate, AttackedState(decoded.state, last), measured)

    return aggregator._replace(encode=encode, decode=decode, init=init)


def omniscient(aggregator: Aggregator, attack: Omniscient, is_attacker: Callable) -> Aggregator:
    """The attack at the server, before messages are encoded there."""

    def init(update: PyTree) -> AttackedState:
        if jax.tree.leaves(jax.eval_shape(aggregator.enrol, update)):
            raise ParameterError(
                "aggregator",
                f"attackers who know what others send cannot stand in front of {aggregator.name}, "
                "which keeps something at clients; put those links first, as in "
                "chain(momentum(), attacked(mean(), ...))",
            )
        return AttackedState(aggregator.init(update), attack.init(update))

    def encode(message: Message, kept: PyTree, state: AttackedState, key: jax.Array):
        return held(message), kept

    def decode(stack: Stack, state: AttackedState, key: jax.Array) -> Decoded:
        at_attack, at_clients, at_server = jax.random.split(key, 3)
        messages, attackers = stack.encoded, stack.sent & is_attacker(stack.position)
        honest = cleared(Stack(messages.update, stack.sent & ~attackers, stack.position))
        crafted, remembered = attack.craft(honest, attackers.sum(), state.attack, at_attack)
        acts = attackers & honest.sent.any()
        updates = jax.tree.map(
            lambda rows, row: choose(acts, jnp.broadcast_to(row, rows.shape), rows),
            messages.update,
            trees.cast(crafted, messages.update),
        )
        messages = messages._replace(update=updates)
        refusal = jax.vmap(lambda message: aggregator.refusal(unheld(message)))
        taken = stack.sent & (refusal(messages) == 0)

        no_state = aggregator.enrol(trees.row(messages.update, 0))

        def encoded(message: Message, key: jax.Array) -> PyTree:
            return aggregator.encode(unheld(message), no_state, state.aggregator, key)[0]

        rows = jax.vmap(encoded)(messages, jax.random.split(at_clients, len(taken)))
        nothing_sent = jax.tree.map(jnp.zeros_like, rows)
        total = Stack(choose(taken, rows, nothing_sent), taken, stack.position)
        if not aggregator.stacks:
            total = jax.tree.map(lambda leaf: leaf.sum(axis=0), total.encoded)
        decoded = aggregator.decode(total, state.aggregator, at_server)
        state = AttackedState(decoded.state, choose(acts.any(), remembered, state.attack))
        refused = jnp.sum(stack.sent & ~taken) * 1.0
        measured = decoded.measured | {"attacks": acts.sum() * 1.0, "attacks_refused": refused}
        return Decoded(decoded.aggregate, state, measured)

    return aggregator._replace(encode=encode, decode=decode, init=init, stacks=True)


def held(message: Message) -> Message:
    """The message as arrays, without a trust that nobody has set: as an array it would seem set."""
    message = message if trusted(message) else message._replace(trust=())
    return jax.tree.map(jnp.asarray, message)


def unheld(message: Message) -> Message:
    """The message that was `held`."""
    return message._replace(trust=1.0) if isinstance(message.trust, tuple) else message


def choose(condition: jax.Array, chosen: PyTree, other: PyTree) -> PyTree:
    """`chosen` where bool `condition`, a scalar or `[slots]`, holds, else `other`."""

    def leaf(a: Any, b: Any) -> jax.Array:
        if a is b:  # What an attack leaves alone stays what it is: numbers that nobody has set.
            return b
        axes = condition.shape + (1,) * (jnp.ndim(b) - condition.ndim)
        return jnp.where(condition.reshape(axes), a, b)

    return jax.tree.map(leaf, chosen, other)


def mean_and_deviation(honest: Stack) -> tuple[PyTree, PyTree]:
    """The mean of the honest updates and their standard deviation, by coordinate.

    That is the root of the sum of squares over n - 1, zero for a single update.
    """
    mean = mean_of(honest.sent, honest.encoded)
    left = jnp.maximum(honest.sent.sum() - 1, 1)

    def deviation(rows: jax.Array, centre: jax.Array) -> jax.Array:
        return jnp.sqrt(jnp.sum(keep(honest.sent, jnp.square(rows - centre)), axis=0) / left)

    return mean, jax.tree.map(deviation, honest.encoded, mean)
