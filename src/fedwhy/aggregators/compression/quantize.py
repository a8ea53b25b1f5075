"""Uniform quantisation: every number becomes one of 2^bits levels between least and largest.

Suresh, Yu, Kumar and McMahan, "Distributed Mean Estimation with Limited Communication", ICML 2017,
section 2.2 (stochastic k-level quantisation); with `rotated`, section 3.

    for each array x:
        step = (max x - min x) / (2^bits - 1)
        code_j = (x_j - min x) / step, rounded up with the probability of its fraction
        send codes (bits each), min x, step
    x_j = min x + step code_j
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, spread, unflat
from fedwhy.aggregators.compression.bits import pack_bits, unpack_bits
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import Range, checked
from fedwhy.recipe import recorded

Bits = Annotated[int, Range(at_least=1, at_most=16, whole=True)]


class Quantized(NamedTuple):
    """Packed codes, uint32 `[words]`, and for each array its least number and step, float32."""

    codes: jax.Array
    least: jax.Array
    step: jax.Array


@recorded
@checked
def quantize(bits: Bits = 8, *, stochastic: bool = True) -> Link:
    """Sends `bits` for each number, from 1 to 16, and 8 bytes for each array.

    `stochastic` rounding has no bias: `E received = x`, with a variance of at most `step^2 / 4`
    for each number. Otherwise numbers are rounded to the nearest level.
    """
    top = 2**bits - 1

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> Quantized:
        least = jnp.stack([jnp.min(x) for x in arrays])
        step = (jnp.stack([jnp.max(x) for x in arrays]) - least) / top
        x = flat(arrays) - spread(least, arrays)
        places = x / spread(jnp.where(step > 0, step, 1.0), arrays)
        up = jax.random.uniform(key, places.shape) if stochastic else 0.5
        codes = jnp.clip(jnp.floor(places + up), 0, top).astype(jnp.uint32)
        return Quantized(pack_bits(codes, bits), least, step)

    def unpack(packed: Quantized, like: Arrays) -> list[jax.Array]:
        codes = unpack_bits(packed.codes, bits, numbers(like)).astype(jnp.float32)
        return unflat(spread(packed.least, like) + spread(packed.step, like) * codes, like)

    def variance(like: Arrays) -> float:
        # (max - min)^2 <= 2 |x|^2
        return max(x.size for x in like) / (2 * top**2)

    compressor = Compressor(pack, unpack, variance=variance if stochastic else None)
    return compressing("quantize", compressor)
