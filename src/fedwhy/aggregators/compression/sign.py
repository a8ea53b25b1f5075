"""Signs: one bit for each number, and one size for each array.

Bernstein, Wang, Azizzadenesheli and Anandkumar, "signSGD: Compressed Optimisation for Non-Convex
Problems", ICML 2018, with the size of Karimireddy et al., "Error Feedback Fixes SignSGD and other
Gradient Compression Schemes", ICML 2019, section 4 (EF-signSGD).

    for each array x of d numbers:
        send sign(x) and |x|_1 / d
    x = |x|_1 / d sign(x)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, spread, unflat
from fedwhy.aggregators.compression.bits import pack_bits, unpack_bits
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.recipe import recorded


class Signs(NamedTuple):
    """Packed signs, uint32 `[words]`, and the mean absolute value of each array, float32."""

    signs: jax.Array
    sizes: jax.Array


@recorded
def sign() -> Link:
    """Sends a bit for each number, whether it is below 0, and 4 bytes for each array.

    It is biased: put it into `error_feedback`, or let `majority_vote()` follow.
    """

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> Signs:
        below = (flat(arrays) < 0).astype(jnp.uint32)
        return Signs(pack_bits(below, 1), jnp.stack([jnp.mean(jnp.abs(x)) for x in arrays]))

    def unpack(packed: Signs, like: Arrays) -> list[jax.Array]:
        below = unpack_bits(packed.signs, 1, numbers(like)).astype(jnp.float32)
        return unflat(spread(packed.sizes, like) * (1 - 2 * below), like)

    return compressing("sign", Compressor(pack, unpack))
