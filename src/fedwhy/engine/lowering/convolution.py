"""Convolutions as matrix products, with gradients of their own.

XLA on CPU runs `conv_general_dilated` inside a loop about ten times slower than a matrix product of
the same size. Here a convolution is brought into the form

    y[b, o] = sum over kernel positions k of  x[b, stride o + dilation k] w[k]

with channels last and `x` padded; then one matrix product takes the columns of all positions k at
once. The columns are many times larger than `x`, so they are made for a few examples at a time and
made again for the gradient, and never leave the cache. Few channels, and kernels of 3 x 3, have
faster ways: `batch_last.py`, `winograd.py`.
"""

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from fedwhy.engine.lowering.batch_last import batch_last, suits_batch_last
from fedwhy.engine.lowering.product import every_row_times
from fedwhy.engine.lowering.window import Window, shifted
from fedwhy.engine.lowering.winograd import FEWEST_CHANNELS, TILES, winograd

# Bytes of columns made at a time.
COLUMNS = 2**19
# A kernel of more positions than this is left to XLA.
MOST_POSITIONS = 128


def convolution(
    x: jax.Array,
    w: jax.Array,
    *,
    window_strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int],
    rhs_dilation: Sequence[int],
    dimension_numbers: Any,
    feature_group_count: int,
    batch_group_count: int,
    preferred_element_type: Any = None,
    **_: Any,
) -> jax.Array | None:
    """`lax.conv_general_dilated` of `x` with `w`; None where it had better stay as it is."""
    x_axes, w_axes, y_axes = dimension_numbers
    size = tuple(w.shape[axis] for axis in w_axes[2:])
    if batch_group_count != 1 or not 1 <= len(size) <= 3 or prod(size) > MOST_POSITIONS:
        return None
    if x.dtype != w.dtype or preferred_element_type not in (None, x.dtype):
        return None
    x = jnp.transpose(x, (x_axes[0], *x_axes[2:], x_axes[1]))
    w = jnp.transpose(w, (*w_axes[2:], w_axes[1], w_axes[0]))
    space = [(low, high, d - 1) for (low, high), d in zip(padding, lhs_dilation, strict=True)]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *space, (0, 0, 0)])
    window = Window(size, tuple(window_strides), tuple(rhs_dilation), feature_group_count)
    if min(window.outputs(x.shape[1:-1])) < 1:
        return None
    y = convolve(window, x, w)
    back = (y_axes[0], *y_axes[2:], y_axes[1])
    return jnp.transpose(y, [back.index(axis) for axis in range(y.ndim)])


def convolve(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution of `x` `[batch, *space, in]` with `w` `[*size, in / groups, out]`."""
    if w.shape[-2] == 1 and window.groups > 1:
        return depthwise(window, x, w)
    if window.groups > 1:
        return grouped(window, x, w)
    if prod(window.size) == 1:
        x = lax.slice(x, [0] * x.ndim, x.shape, (1, *window.stride, 1))
        return every_row_times(x, w.reshape(w.shape[-2:]), {})
    if suits_winograd(window, w):
        return winograd(x, w)
    if suits_batch_last(window, x, w):
        return batch_last(window, x, w)
    return dense(window, x, w)


def suits_winograd(window: Window, w: jax.Array) -> bool:
    """Whether a convolution whose channels are all in one group is one for `winograd`."""
    square = len(window.size) == 2 and len({*window.size}) == 1 and window.size[0] in TILES
    plain = square and {*window.stride, *window.dilation} == {1}
    precise = w.dtype in (jnp.float32, jnp.float64)
    return plain and precise and min(w.shape[2:]) >= FEWEST_CHANNELS


def spread(window: Window, dy: jax.Array, space: Sequence[int]) -> tuple[Window, jax.Array]:
    """The window and the input of the convolution that gives the gradient of an input of `space`.

    That gradient is the convolution of `dy`, spread out by the stride and padded to the full, with
    the kernel turned around.
    """
    edges = []
    for n, o, k, s, d in zip(
        space, dy.shape[1:-1], window.size, window.stride, window.dilation, strict=True
    ):
        reach = d * (k - 1)
        edges.append((reach, n - (o - 1) * s - 1, s - 1))
    dy = lax.pad(dy, jnp.zeros((), dy.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    return window._replace(stride=(1,) * len(window.size)), dy


def turned(window: Window, w: jax.Array) -> jax.Array:
    """The kernel read backwards along every axis of space."""
    return lax.rev(w, range(len(window.size)))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def dense(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution in which every output channel sees every input channel."""
    matrix = w.reshape(-1, w.shape[-1])

    def block(x: jax.Array) -> jax.Array:
        y = columns(window, x) @ matrix
        return y.reshape(len(x), *window.outputs(x.shape[1:-1]), -1)

    y = lax.map(block, blocks(x, columns_bytes(window, x)))
    return y.reshape(len(x), *y.shape[2:])


def _dense_forward(window: Window, x: Any, w: Any):
    # Where x needs no gradient, as in a first layer, w is not kept: see `_dense_backward`.
    kept = w.value if x.perturbed else None
    return dense(window, x.value, w.value), (x.value, kept, jnp.zeros((*w.value.shape, 0)))


def _dense_backward(window: Window, kept: Any, dy: jax.Array):
    x, w, empty = kept
    shape = empty.shape[:-1]
    size = columns_bytes(window, x)
    matrix = None if w is None else w.reshape(-1, shape[-1])

    def block(dw: jax.Array, block: tuple[jax.Array, jax.Array]):
        x, dy = block[0], block[1].reshape(-1, shape[-1])
        # XLA has a fast product for operands that are not transposed, and dy is smaller than the
        # columns; the barrier keeps XLA from undoing this.
        dw = dw + lax.optimization_barrier(dy.T) @ columns(window, x)
        return dw, None if matrix is None else gather_columns(window, dy @ matrix.T, x)

    zero = jnp.zeros((shape[-1], prod(shape[:-1])), x.dtype)
    dw, dx = lax.scan(block, zero, (blocks(x, size), blocks(dy, size)))
    dx = jnp.zeros_like(x) if dx is None else dx.reshape(x.shape)
    return dx, dw.T.reshape(shape)


dense.defvjp(_dense_forward, _dense_backward, symbolic_zeros=True)


def columns(window: Window, x: jax.Array) -> jax.Array:
    """What the kernel sees, `[batch * outputs, positions * channels]`: a row for each output."""
    seen = jnp.concatenate(shifted(window, x), axis=-1)
    return seen.reshape(-1, seen.shape[-1])


def gather_columns(window: Window, seen: jax.Array, x: jax.Array) -> jax.Array:
    """The gradient of an input like `x`, given that of its columns: the transpose of `columns`.

    What each position of the kernel has seen is added where it was seen, in place if it lies there
    side by side.
    """
    outputs = window.outputs(x.shape[1:-1])
    seen = seen.reshape(len(x), *outputs, prod(window.size), x.shape[-1])
    total = jnp.zeros_like(x)
    for number, start in enumerate(window.positions()):
        part = seen[..., number, :]
        if set(window.stride) == {1}:
            at = (0, *start, 0)
            there = lax.dynamic_slice(total, at, part.shape)
            total = lax.dynamic_update_slice(total, there + part, at)
        else:
            edges = [
                (at, n - at - (o - 1) * s - 1, s - 1)
                for at, n, o, s in zip(start, x.shape[1:-1], outputs, window.stride, strict=True)
            ]
            zero = jnp.zeros((), x.dtype)
            total = total + lax.pad(part, zero, [(0, 0, 0), *edges, (0, 0, 0)])
    return total


def columns_bytes(window: Window, x: jax.Array) -> int:
    """Bytes of one example's columns."""
    return prod(window.outputs(x.shape[1:-1])) * prod(window.size) * x.shape[-1] * x.dtype.itemsize


def blocks(x: jax.Array, size: int) -> jax.Array:
    """`x` `[batch, ...]` as `[blocks, examples, ...]`, of as many examples as `COLUMNS` holds."""
    most = max(COLUMNS // size, 1)
    examples = max(n for n in range(1, min(most, len(x)) + 1) if len(x) % n == 0)
    return x.reshape(-1, examples, *x.shape[1:])


def grouped(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution whose output channels see the input channels of their group."""
    groups = window.groups
    seen = jnp.stack(shifted(window, x), axis=-2)
    seen = seen.reshape(*seen.shape[:-1], groups, -1)
    kernel = w.reshape(-1, w.shape[-2], groups, w.shape[-1] // groups)
    y = jnp.einsum("...kgi,kigo->...go", seen, kernel)
    return y.reshape(*y.shape[:-2], -1)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def depthwise(window: Window, x: jax.Array, w: jax.Array) -> jax.Array:
    """A convolution in which every output channel sees one input channel.

    Each position of the kernel multiplies what it sees, and the products are added up.
    """
    x = jnp.repeat(x, w.shape[-1] // x.shape[-1], axis=-1)
    kernel = w.reshape(-1, w.shape[-1])
    return sum_of(see * k for see, k in zip(shifted(window, x), kernel, strict=True))


def _depthwise_forward(window: Window, x: jax.Array, w: jax.Array):
    return depthwise(window, x, w), (x, w)


def _depthwise_backward(window: Window, kept: tuple[jax.Array, jax.Array], dy: jax.Array):
    x, w = kept
    times = w.shape[-1] // x.shape[-1]
    seen = shifted(window, jnp.repeat(x, times, axis=-1))
    dw = jnp.stack([jnp.sum(see * dy, axis=range(dy.ndim - 1)) for see in seen])
    back, dy = spread(window, dy, x.shape[1:-1])
    kernel = turned(window, w).reshape(-1, w.shape[-1])
    dx = sum_of(see * k for see, k in zip(shifted(back, dy), kernel, strict=True))
    dx = dx.reshape(*dx.shape[:-1], x.shape[-1], times).sum(axis=-1)
    return dx, dw.reshape(w.shape)


depthwise.defvjp(_depthwise_forward, _depthwise_backward)


def sum_of(terms: Any) -> jax.Array:
    """The sum of arrays of one shape."""
    first, *others = terms
    for term in others:
        first = first + term
    return first
