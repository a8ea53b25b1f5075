"""`chain`: pieces of aggregation in a row, as optax chains transformations of gradients.

    aggregator = chain(validate(), clip(1.0), quantize(8), mean())

Each `Link` changes every message on its way out of the client, from left to right, and the
aggregate at the server, from right to left. The last piece is the rule that makes one aggregate of
all messages.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import chain as chain_of
from itertools import count
from typing import Any, NamedTuple

import jax

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Stack, Traits
from fedwhy.aggregators.link import Link
from fedwhy.aggregators.mean import Weighted
from fedwhy.aggregators.meaning import check_meaning, norm_of_unpacked
from fedwhy.aggregators.privacy.bounding import bounded
from fedwhy.aggregators.validation import Refusal, validate
from fedwhy.errors import ParameterError
from fedwhy.recipe import recorded

PyTree = Any


class Sent(NamedTuple):
    """The message as the rule encodes it, and what the links report, one entry each."""

    encoded: PyTree
    reported: tuple[PyTree, ...]


@recorded
def chain(*pieces: Refusal | Link | Aggregator) -> Aggregator:
    """One aggregator of links and a rule, which is an aggregator and comes last.

    A first piece `validate(...)` says which messages are taken; without it those are that the rule
    takes. What links measure has the names that they give; where two give the same,
    the later ones get a number, as in `clip_norm_2`.

    Where noise is added to the aggregate, and a link packs updates, the server clips again what it
    has unpacked, by the last link that clips: quantisation may lengthen an update, and the noise
    hides as much as without it.

    Raises `ParameterError` for a combination without a meaning, such as noise before clipping.
    """
    refusal, links, rule = taken_apart(pieces)
    check_meaning(links, rule)
    return linked(refusal, links, rule)


def linked(refusal: Refusal, links: Sequence[Link], rule: Aggregator) -> Aggregator:
    """The chain of these, whether or not it has a meaning."""
    norm = norm_of_unpacked(links)

    def init(update: PyTree) -> tuple[PyTree, ...]:
        return *(link.init(update) for link in links), rule.init(update)

    def enrol(update: PyTree) -> tuple[PyTree, ...]:
        return *(link.enrol(update) for link in links), rule.enrol(update)

    def encode(message: Message, kept: tuple, state: tuple, key: jax.Array):
        keys, new, reports = jax.random.split(key, len(links) + 1), [], []
        for number, link in enumerate(links):
            message, keeps, reported = link.encode(
                message, kept[number], state[number], keys[number]
            )
            new.append(keeps)
            reports.append(reported)
        if norm is not None:
            message = message._replace(update=bounded(message.update, norm(state)).update)
        encoded, keeps = rule.encode(message, kept[-1], state[-1], keys[-1])
        return Sent(encoded, tuple(reports)), (*new, keeps)

    def decode(total: Any, state: tuple, key: jax.Array) -> Decoded:
        keys = jax.random.split(key, len(links) + 1)
        total, reports = parted(total)
        aggregate, last, measured = rule.decode(total, state[-1], keys[-1])
        new, all_measured = [last], [measured]
        for number in reversed(range(len(links))):
            aggregate, next_state, measured = links[number].decode(
                aggregate, reports[number], state[number], keys[number]
            )
            new.insert(0, next_state)
            all_measured.insert(0, measured)
        return Decoded(aggregate, tuple(new), together(all_measured))

    packs = any(link.traits.packs for link in links)
    packing = [piece.packed for piece in (*links, rule) if piece.packed]
    packing = packing[:-1] if packs and rule.packed else packing

    def packed(update: PyTree) -> PyTree:
        return reduce(lambda sent, pack: pack(sent), packing, update)

    traits = Traits(*map(any, zip(*(piece.traits for piece in (*links, rule)), strict=True)))
    return Aggregator(
        ", ".join(piece.name for piece in (*links, rule)),
        encode,
        decode,
        init,
        enrol,
        stacks=rule.stacks,
        refusal=refusal,
        packed=packed if packing else None,
        traits=traits._replace(linked=True),
        least=rule.least,
        privacy=next((piece.privacy for piece in (*links, rule) if piece.privacy), None),
    )


def taken_apart(
    pieces: Sequence[Refusal | Link | Aggregator],
) -> tuple[Refusal, list[Link], Aggregator]:
    """What says which messages are taken, the links, and the rule."""
    *before, rule = pieces or (None,)
    if not isinstance(rule, Aggregator):
        raise ParameterError("chain", "expected a rule as its last piece, such as mean()")
    # An attacked rule judges by itself what attackers send, and would let all else of them pass.
    refusal = validate() if rule.traits.attacked else rule.refusal
    if before and not isinstance(before[0], Link | Aggregator):
        refusal, before = before[0], before[1:]
    links = []
    for piece in before:
        if isinstance(piece, Aggregator):
            raise ParameterError(
                "chain",
                f"{piece.name} makes one aggregate of all messages, so that nothing is left for "
                f"{rule.name}; take one rule, and let it come last",
            )
        if not isinstance(piece, Link):
            raise ParameterError("chain", "validate(...) comes first, before all other pieces")
        links.append(piece)
    return refusal, links, rule


def parted(total: Sent | Stack) -> tuple[Any, tuple[PyTree, ...]]:
    """What the rule decodes, and the sums of what links reported."""
    if isinstance(total, Sent):
        return total.encoded, total.reported
    encoded, reported = total.encoded
    return total._replace(encoded=encoded), jax.tree.map(lambda rows: rows.sum(axis=0), reported)


def together(measured: Sequence[dict[str, jax.Array]]) -> dict[str, jax.Array]:
    """What all pieces measure, each under a name of its own."""
    joined: dict[str, jax.Array] = {}
    for each in measured:
        for name, value in each.items():
            numbered = (f"{name}_{number}" for number in count(2))
            joined[next(n for n in chain_of((name,), numbered) if n not in joined)] = value
    return joined


def weighted(encoded: Any) -> Weighted | None:
    """What a mean adds up, of an encoded message or of their sum; None of any other rule."""
    last = encoded.encoded if isinstance(encoded, Sent) else encoded
    return last if isinstance(last, Weighted) else None
