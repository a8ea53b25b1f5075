"""Top-k: the largest numbers of an update, and where they stand.

Aji and Heafield, "Sparse Communication for Distributed Gradient Descent", EMNLP 2017; with
`error_feedback`, Stich, Cordonnier and Jaggi, "Sparsified SGD with Memory", NeurIPS 2018,
Algorithm 1.

    send the k numbers of largest absolute value of the whole update, ceil(log2 d) bits for each
    place among d
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, unflat
from fedwhy.aggregators.compression.bits import pack_bits, unpack_bits, width
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import PositiveFraction, checked
from fedwhy.recipe import recorded


class Sparse(NamedTuple):
    """Packed places, uint32 `[words]`, and the numbers that stand there, float32 `[k]`."""

    places: jax.Array
    values: jax.Array


@recorded
@checked
def top_k(share: PositiveFraction = 0.01) -> Link:
    """Sends the `share` of all numbers (one at least) whose absolute values are largest.

    Of equal ones the first are sent. It is biased: put it into `error_feedback`.
    """

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> Sparse:
        vector = flat(arrays)
        _, places = jax.lax.top_k(jnp.abs(vector), count(share, len(vector)))
        return Sparse(pack_bits(places.astype(jnp.uint32), width(len(vector))), vector[places])

    def unpack(packed: Sparse, like: Arrays) -> list[jax.Array]:
        size = numbers(like)
        places = unpack_bits(packed.places, width(size), len(packed.values))
        return unflat(jnp.zeros(size).at[places].set(packed.values), like)

    return compressing("top_k", Compressor(pack, unpack))


def count(share: float, size: int) -> int:
    """How many of `size` numbers are `share` of them, one at least if there are any."""
    whole = math.ceil(round(share * size, 9))  # 0.07 * 100 is a little more than 7.
    return min(max(whole, 1), size)
