"""Half precision: every number in 16 bits instead of 32.

IEEE Std 754-2008 (`float16`: 11 bits of precision, at most 65504); Kalamkar et al., "A Study of
BFLOAT16 for Deep Learning Training", 2019 (`bfloat16`: 8 bits of precision, the range of float32).
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import checked
from fedwhy.recipe import recorded


@recorded
@checked
def half_precision(format: Literal["bfloat16", "float16"] = "bfloat16") -> Link:
    """Sends numbers as `format`, rounded to the nearest; too large ones become its largest."""
    dtype = jnp.dtype(format)
    largest = float(jnp.finfo(dtype).max)

    def pack(arrays: Arrays, key: jax.Array, memory: Any = ()) -> list[jax.Array]:
        return [jnp.clip(x, -largest, largest).astype(dtype) for x in arrays]

    def unpack(packed: list[jax.Array], like: Arrays) -> list[jax.Array]:
        return [x.astype(jnp.float32) for x in packed]

    return compressing("half_precision", Compressor(pack, unpack))
