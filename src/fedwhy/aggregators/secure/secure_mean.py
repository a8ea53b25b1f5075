"""Secure mean: the mean of updates by a sum of residues, from which the server learns nothing else.

Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving Machine Learning", CCS 2017,
section 4 and 5.1: vectors of a finite ring are summed. This is what clients put into that sum and
what the server takes out of it; masks, which cancel in the sum, change neither, and are not here.

    L = (2^(bits - 1) - 1) / clients, rounded down          so that no sum of `clients` overflows
    client c:  q_c = round(L w_c clip(u_c, -range, range) / range)  mod 2^bits
               sends q_c and round(L w_c) mod 2^bits         w_c: its weight over max_weight, or 1
    server:    mean = range sum_c q_c / sum_c round(L w_c)
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Traits
from fedwhy.aggregators.compression.bits import words_of
from fedwhy.aggregators.secure.ring import residue, whole_number_of
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.parameters import Count, Positive, Range, checked

PyTree = Any
Bits = Annotated[int, Range(at_least=2, at_most=32, whole=True)]


class Report(NamedTuple):
    """Summed over clients: how many there are (int32), and what their encoding cost (float32)."""

    clients: jax.Array
    clipped: jax.Array
    rounding: jax.Array


class Summand(NamedTuple):
    """What one client adds: residues of its update and of its weight, uint32, and its report."""

    update: PyTree
    weight: jax.Array
    report: Report


@checked
def secure_mean(
    range: Positive = 1.0,
    *,
    clients: Count = 1000,
    bits: Bits = 32,
    max_weight: Positive | None = None,
) -> Aggregator:
    """The mean of updates whose numbers lie within `range`, by sums modulo 2^bits.

    Numbers outside of `-range .. range` are clipped. A sum has room for `clients` messages; more
    clients or fewer bits make coarser steps, of `range * clients / 2^(bits - 1)`.

    All clients weigh the same, unless there is a `max_weight`: then each multiplies its update by
    its own weight over that, at most 1, so that no client moves the sum by more than `range`.

    Measures `clipped`, the share of numbers that were clipped, and `rounding_error`, the squared
    error of rounding over the squared norm of the update; both are means over clients. A round of
    more than `clients` messages has an aggregate that is not finite, which ends a run. Raises
    `ParameterError` where `bits` have no room for `clients`.
    """
    steps = floor_to_float32((2 ** (bits - 1) - 1) // clients)
    if steps < 1:
        least = clients.bit_length() + 1
        raise ParameterError(
            "bits",
            f"a sum of {clients} messages overflows {bits} bits; take at least {least}, or fewer "
            "clients",
        )

    def encode(message: Message, client_state: PyTree, state: PyTree, key: jax.Array):
        weight = (
            message.trust if max_weight is None else message.weight * message.trust / max_weight
        )
        weight = jnp.minimum(jnp.asarray(weight, jnp.float32), 1.0)
        update = trees.as_float32(message.update)
        bounded = jax.tree.map(lambda x: jnp.clip(x, -range, range), update)
        rounded = jax.tree.map(lambda x: fixed(x / range * weight), bounded)
        summand = jax.tree.map(lambda q: residue(q, bits), rounded)
        report = Report(
            jnp.int32(1),
            clipped(update, bounded),
            relative_error(rounded, trees.scale(bounded, weight)),
        )
        return Summand(summand, residue(fixed(weight), bits), report), client_state

    def fixed(x: jax.Array) -> jax.Array:
        """Numbers from -1 to 1 as whole numbers of steps, int32."""
        return jnp.round(x * steps).astype(jnp.int32)

    def relative_error(rounded: PyTree, wanted: PyTree) -> jax.Array:
        got = jax.tree.map(lambda q: q.astype(jnp.float32) * (range / steps), rounded)
        norm = trees.squared_norm(wanted)
        return trees.squared_norm(trees.subtract(got, wanted)) / jnp.where(norm > 0, norm, 1.0)

    def decode(total: Summand, state: PyTree, key: jax.Array) -> Decoded:
        weight = whole_number_of(total.weight, bits).astype(jnp.float32)
        factor = jnp.where(weight > 0, range / jnp.where(weight > 0, weight, 1.0), 0.0)
        factor = jnp.where(total.report.clients <= clients, factor, jnp.nan)
        mean = jax.tree.map(lambda r: whole_number_of(r, bits) * factor, total.update)
        many = jnp.maximum(total.report.clients, 1).astype(jnp.float32)
        measured = {
            "clipped": total.report.clipped / many,
            "rounding_error": total.report.rounding / many,
        }
        return Decoded(mean, state, measured)

    return Aggregator(
        "secure_mean",
        encode,
        decode,
        packed=lambda update: jnp.zeros(words_of(trees.size(update), bits), jnp.uint32),
        traits=Traits(counts=max_weight is not None, hides=True),
    )


def floor_to_float32(whole: int) -> int:
    """The largest whole number of at most 24 significant bits, not above `whole`."""
    spare = max(whole.bit_length() - 24, 0)
    return whole >> spare << spare


def clipped(update: PyTree, bounded: PyTree) -> jax.Array:
    """The share of numbers that clipping has changed, float32."""
    changed = jax.tree.map(lambda a, b: jnp.sum(a != b, dtype=jnp.float32), update, bounded)
    return sum(jax.tree.leaves(changed), start=jnp.zeros(())) / max(trees.size(update), 1)
