"""Random-k: numbers at random places of an update, which a seed names.

Konecny et al., "Federated Learning: Strategies for Improving Communication Efficiency", 2016,
section 3 (random mask); with `error_feedback`, Stich, Cordonnier and Jaggi, "Sparsified SGD with
Memory", NeurIPS 2018.

    draw k of d places by a seed
    send the seed and the numbers at these places
    x_j = d / k times the number sent, or 0
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, unflat
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compression.top_k import count
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import PositiveFraction, checked
from fedwhy.recipe import recorded


class Sampled(NamedTuple):
    """The seed of the places, uint32, and the numbers that stand there, float32 `[k]`."""

    seed: jax.Array
    values: jax.Array


@recorded
@checked
def random_k(share: PositiveFraction = 0.01) -> Link:
    """Sends a random `share` of all numbers, one at least, and 4 bytes that say which.

    `E received = x`, with the variance `(d / k - 1) |x|^2`. In `error_feedback` the numbers come
    as they are, without the factor `d / k`.
    """

    def drawn(seed: jax.Array, size: int) -> jax.Array:
        # Many times faster than a permutation, of which these would be the first.
        lots = jax.random.uniform(jax.random.key(seed), (size,))
        return jax.lax.top_k(lots, count(share, size))[1]

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> Sampled:
        vector, seed = flat(arrays), jax.random.bits(key, (), jnp.uint32)
        return Sampled(seed, vector[drawn(seed, len(vector))])

    def unpack(packed: Sampled, like: Arrays) -> list[jax.Array]:
        size = numbers(like)
        values = packed.values * (size / len(packed.values))
        return unflat(jnp.zeros(size).at[drawn(packed.seed, size)].set(values), like)

    def variance(like: Arrays) -> float:
        return numbers(like) / count(share, numbers(like)) - 1

    return compressing("random_k", Compressor(pack, unpack, variance=variance))
