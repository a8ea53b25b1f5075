"""PowerSGD: every matrix as a product of two thin ones, found by one step of power iteration.

Vogels, Karimireddy and Jaggi, "PowerSGD: Practical Low-Rank Gradient Compression for Distributed
Optimization", NeurIPS 2019, Algorithm 1, at each client alone: the paper sums P and Q over workers
in two exchanges of a step, while here a client sends its own in the one of a round. Its
Algorithm 2 is `error_feedback(power_sgd())`.

    for each matrix M of n x m:
        P = orthogonalise(M Q)            Q: of the round before (warm start), at first random
        Q = M^T P
        send P, Q
    M = P Q^T
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.parameters import Count, checked
from fedwhy.recipe import recorded

# An array as it is sent: itself, or (P, Q).
Factors = tuple[jax.Array, ...]


@recorded
@checked
def power_sgd(rank: Count = 2) -> Link:
    """Sends two matrices of `rank` columns for each array that they make smaller, others whole.

    An array of more than two axes is a matrix whose columns are its last axis, as the filters of
    a convolution. It is biased: put it into `error_feedback`.
    """

    def rows(x: jax.Array) -> int:
        return math.prod(x.shape[:-1])

    def shrinks(x: jax.Array) -> bool:
        return rank * (rows(x) + x.shape[-1]) < x.size

    def begin(like: Arrays) -> list[jax.Array]:
        return [jnp.zeros((x.shape[-1], rank)) for x in like if shrinks(x)]

    def pack(arrays: Arrays, key: jax.Array, memory: Sequence[jax.Array]) -> list[Factors]:
        started = iter(memory)
        keys = jax.random.split(key, len(arrays))

        def factors(x: jax.Array, key: jax.Array) -> Factors:
            if not shrinks(x):
                return (x,)
            matrix, start = x.reshape(rows(x), -1), next(started)
            # A memory of zeros is none: that of the first round, or after a zero update.
            start = jnp.where(jnp.any(start != 0), start, jax.random.normal(key, start.shape))
            left = jnp.linalg.qr(matrix @ start)[0]
            return left, matrix.T @ left

        return [factors(x, key) for x, key in zip(arrays, keys, strict=True)]

    def unpack(packed: list[Factors], like: Arrays) -> list[jax.Array]:
        return [
            (sent[0] @ sent[1].T).reshape(x.shape) if shrinks(x) else sent[0]
            for sent, x in zip(packed, like, strict=True)
        ]

    def remember(packed: list[Factors]) -> list[Any]:
        return [sent[1] for sent in packed if len(sent) > 1]

    return compressing("power_sgd", Compressor(pack, unpack, begin, remember))
