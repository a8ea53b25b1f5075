"""Rotation: a random rotation before another compressor makes all numbers of like size.

Suresh, Yu, Kumar and McMahan, "Distributed Mean Estimation with Limited Communication", ICML 2017,
section 3 (Hadamard); Konecny et al., "Federated Learning: Strategies for Improving Communication
Efficiency", 2016, section 4.

    draw signs D by a seed
    send the seed and C(R D x), x the whole update as one vector
    x = D R^T (what is received)
        R: the Walsh-Hadamard matrix over sqrt(d), or the discrete Fourier transform, of x taken as
           d / 2 complex numbers
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.compression.arrays import flat, numbers, unflat
from fedwhy.aggregators.compression.compressing import compressing
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Link
from fedwhy.errors import ParameterError
from fedwhy.parameters import checked
from fedwhy.recipe import recorded

PyTree = Any


class Rotation(NamedTuple):
    """An orthogonal map of vectors of `length(d)` numbers, d or a few more, and its inverse."""

    length: Callable[[int], int]
    forward: Callable[[jax.Array], jax.Array]
    backward: Callable[[jax.Array], jax.Array]


class Rotated(NamedTuple):
    """The seed of the signs, uint32, and the rotated vector as the inner compressor packs it."""

    seed: jax.Array
    inner: PyTree


def hadamard(x: jax.Array) -> jax.Array:
    """The fast Walsh-Hadamard transform of `[2^m]` numbers, times `2^(-m / 2)`; its own inverse."""
    half = 1
    while half < len(x):
        pairs = x.reshape(-1, 2, half)
        x = jnp.stack([pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]], axis=1).reshape(-1)
        half *= 2
    return x / math.sqrt(len(x))


def fourier(x: jax.Array) -> jax.Array:
    """The unitary Fourier transform of `[2 n]` numbers as n complex ones."""
    real, imaginary = x.reshape(2, -1)
    turned = jnp.fft.fft(real + 1j * imaginary, norm="ortho")
    return jnp.concatenate([turned.real, turned.imag])


def inverse_fourier(x: jax.Array) -> jax.Array:
    """What `fourier` has turned to `x`."""
    real, imaginary = x.reshape(2, -1)
    turned = jnp.fft.ifft(real + 1j * imaginary, norm="ortho")
    return jnp.concatenate([turned.real, turned.imag])


ROTATIONS = {
    "hadamard": Rotation(lambda size: 1 << (size - 1).bit_length(), hadamard, hadamard),
    "fourier": Rotation(lambda size: size + size % 2, fourier, inverse_fourier),
}


@recorded
@checked
def rotated(link: Link, *, by: Literal["hadamard", "fourier"] = "hadamard") -> Link:
    """`link`, such as `quantize(4)`, on the whole update as one vector, at random rotated.

    A few large numbers among many small ones would leave no levels for the small. Hadamard's
    transform pads the vector with zeros to a power of two, which at worst doubles what is sent;
    Fourier's needs no such room. The seed takes 4 bytes. Raises `ParameterError` where `link`
    compresses nothing.
    """
    if link.compressor is None:
        raise ParameterError(
            "link", f"expected what compresses updates, such as quantize(), given {link.name}"
        )
    inner, rotation = link.compressor, ROTATIONS[by]

    def signs(seed: jax.Array, length: int) -> jax.Array:
        return jax.random.rademacher(jax.random.key(seed), (length,), jnp.float32)

    def whole(like: Arrays) -> list[jax.Array]:
        return [jnp.zeros(rotation.length(numbers(like)))]

    def pack(arrays: Arrays, key: jax.Array, memory: PyTree) -> Rotated:
        vector = flat(arrays)
        length = rotation.length(len(vector))
        for_seed, for_inner = jax.random.split(key)
        seed = jax.random.bits(for_seed, (), jnp.uint32)
        padded = jnp.pad(vector, (0, length - len(vector)))
        turned = rotation.forward(signs(seed, length) * padded)
        return Rotated(seed, inner.pack([turned], for_inner, memory))

    def unpack(packed: Rotated, like: Arrays) -> list[jax.Array]:
        (turned,) = inner.unpack(packed.inner, whole(like))
        vector = signs(packed.seed, len(turned)) * rotation.backward(turned)
        return unflat(vector[: numbers(like)], like)

    def with_seed(bits: Callable[[PyTree, Arrays], jax.Array]):
        return lambda packed, like: bits(packed.inner, whole(like)) + jnp.uint32(32)

    def of_whole(variance: Callable[[Arrays], float]):
        return lambda like: variance(whole(like))

    compressor = Compressor(
        pack,
        unpack,
        begin=lambda like: inner.begin(whole(like)),
        remember=lambda packed: inner.remember(packed.inner),
        bits=inner.bits and with_seed(inner.bits),
        variance=inner.variance and of_whole(inner.variance),
    )
    return compressing(f"rotated({link.name})", compressor)
