"""QSGD: numbers become whole multiples of their norm over s, coded so that zeros cost little.

Alistarh, Grubic, Li, Tomioka and Vojnovic, "QSGD: Communication-Efficient SGD via Gradient
Quantization and Encoding", NeurIPS 2017, section 3.1, appendix A.2, and the buckets of section 4.

    for each bucket x of numbers of the update:
        level_j = s |x_j| / |x|, rounded up with the probability of its fraction
        send |x| (32 bits)
    send all levels and signs in Elias' code (`elias.py`)
    x_j = |x| sign(x_j) level_j / s
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, unflat
from fedwhy.aggregators.compression.bits import pack_bits, unpack_bits, width
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compression.elias import sparse_length
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import Count, Range, checked
from fedwhy.recipe import recorded

Levels = Annotated[int, Range(at_least=1, at_most=2**15, whole=True)]


class Levelled(NamedTuple):
    """Packed signed levels, uint32 `[words]`, and the norm of each bucket, float32 `[buckets]`."""

    codes: jax.Array
    norms: jax.Array


@recorded
@checked
def qsgd(levels: Levels = 16, *, bucket: Count = 512) -> Link:
    """Sends whole multiples of `norm / levels`; the length depends on the data, and is measured.

    The update as one vector is cut into buckets of so many numbers, each with its norm. `E received
    = x`, with a variance of at most `min(d / s^2, sqrt(d) / s) |x|^2` for a bucket of d numbers and
    s levels (Lemma 3.1). Few levels leave many zeros, which cost little.
    """

    def width_of(size: int) -> int:
        return min(bucket, size)

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> Levelled:
        vector = flat(arrays)
        x = jnp.pad(vector, (0, -len(vector) % width_of(len(vector))))
        x = x.reshape(-1, width_of(len(vector)))
        norms = jnp.linalg.norm(x, axis=1)
        places = jnp.abs(x) * levels / jnp.where(norms > 0, norms, 1.0)[:, None]
        level = jnp.floor(places + jax.random.uniform(key, x.shape))
        signed = jnp.sign(x) * jnp.minimum(level, levels)
        codes = (signed + levels).reshape(-1)[: len(vector)].astype(jnp.uint32)
        return Levelled(pack_bits(codes, width(2 * levels + 1)), norms)

    def signed_levels(packed: Levelled, like: Arrays) -> jax.Array:
        codes = unpack_bits(packed.codes, width(2 * levels + 1), numbers(like))
        return codes.astype(jnp.int32) - levels

    def unpack(packed: Levelled, like: Arrays) -> list[jax.Array]:
        level = signed_levels(packed, like).astype(jnp.float32)
        norms = jnp.repeat(packed.norms, width_of(len(level)))[: len(level)]
        return unflat(norms * level / levels, like)

    def bits(packed: Levelled, like: Arrays) -> jax.Array:
        return sparse_length(signed_levels(packed, like)) + jnp.uint32(32 * len(packed.norms))

    def variance(like: Arrays) -> float:
        size = width_of(numbers(like))
        return min(size / levels**2, size**0.5 / levels)

    return compressing("qsgd", Compressor(pack, unpack, bits=bits, variance=variance))
