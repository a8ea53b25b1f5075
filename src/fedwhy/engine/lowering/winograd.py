"""Convolutions with kernels of 3 x 3 by Winograd's algorithm, with gradients of their own.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1,
F(2 x 2, 3 x 3): tiles of 4 x 4 inputs that overlap by two give 2 x 2 outputs each,

    Y = A^T [ (G w G^T) * (B^T d B) ] A

with 16 multiplications where the definition takes 36. Summed over the channels, these are 16 matrix
products `[tiles, in] @ [in, out]`, one for each of the 16 places in a tile; they are written one by
one, since XLA has no fast product for a stack of matrices. The rounding error is a few times that
of the definition.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Fewer channels than this, in or out, leave too little to multiply for what the tiles cost.
FEWEST_CHANNELS = 16

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])

Transform = Callable[..., Sequence[jax.Array]]


def winograd(x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution of `x` `[batch, h, w, in]`, padded already, with `w` `[3, 3, in, out]`."""
    outputs = [n - 2 for n in x.shape[1:3]]
    odd = [(0, n % 2, 0) for n in outputs]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *odd, (0, 0, 0)])
    return even(x, w)[:, : outputs[0], : outputs[1]]


@jax.custom_vjp
def even(x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution with an even number of outputs along each axis."""
    return _forward(x, w)[0]


def _forward(x: jax.Array, w: jax.Array):
    kernels, tiles = kernel_places(w), input_places(x)
    places = [tile @ kernel for tile, kernel in zip(tiles, kernels, strict=True)]
    batch, height, width, _ = x.shape
    shape = (batch, height // 2 - 1, width // 2 - 1, w.shape[-1])
    y = two_axes(outputs_of, [place.reshape(shape) for place in places])
    return interleave(y), (tiles, kernels, x)


def _backward(kept, dy: jax.Array):
    tiles, kernels, x = kept
    batch, height, width, channels = x.shape
    corners = [dy[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    places = [place.reshape(-1, dy.shape[-1]) for place in two_axes(outputs_back, corners)]
    dkernels = jnp.stack([t.T @ place for t, place in zip(tiles, places, strict=True)])
    dw = jnp.einsum("ai,bj,abco->ijco", G, G, dkernels.reshape(4, 4, *dkernels.shape[1:]))
    shape = (batch, height // 2 - 1, width // 2 - 1, channels)
    dtiles = [(p @ k.T).reshape(shape) for p, k in zip(places, kernels, strict=True)]
    dx = add_tiles(two_axes(inputs_back, dtiles))
    return dx, dw.astype(x.dtype)


even.defvjp(_forward, _backward)


def two_axes(transform: Transform, places: Sequence[jax.Array]) -> list[jax.Array]:
    """`transform` along both axes of a square of places, given and returned row by row."""
    side = int(len(places) ** 0.5)
    columns = [transform(*places[j::side]) for j in range(side)]
    rows = zip(*columns, strict=True)
    return [place for row in rows for place in transform(*row)]


def kernel_places(w: jax.Array) -> jax.Array:
    """`G w G^T` for each pair of channels: `[16, in, out]`."""
    places = jnp.einsum("ai,bj,ijco->abco", G.astype(w.dtype), G.astype(w.dtype), w)
    return places.reshape(16, *w.shape[2:])


def input_places(x: jax.Array) -> list[jax.Array]:
    """`B^T d B` for every tile d: 16 arrays `[tiles, in]`."""

    def every_other(x: jax.Array, axis: int) -> list[jax.Array]:
        count = x.shape[axis] - 3
        return [lax.slice_in_dim(x, i, i + count, 2, axis) for i in range(4)]

    columns = inputs_of(*every_other(x, 1))
    places = [place for column in columns for place in inputs_of(*every_other(column, 2))]
    return [place.reshape(-1, x.shape[-1]) for place in places]


def interleave(corners: Sequence[jax.Array]) -> jax.Array:
    """The outputs `[batch, 2 h, 2 w, out]`, given the corners `[batch, h, w, out]` of tiles."""
    batch, height, width, channels = corners[0].shape
    rows = [jnp.stack(corners[i : i + 2], axis=3) for i in (0, 2)]
    return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, channels)


def add_tiles(places: Sequence[jax.Array]) -> jax.Array:
    """The sum of overlapping tiles of 4 x 4, given their 16 places `[batch, h, w, in]`."""

    def along(places: Sequence[jax.Array], axis: int) -> list[jax.Array]:
        def after(first: jax.Array, second: jax.Array) -> jax.Array:
            edges = [[(0, 0, 0)] * first.ndim for _ in range(2)]
            edges[0][axis], edges[1][axis] = (0, 1, 0), (1, 0, 0)
            zero = jnp.zeros((), first.dtype)
            return lax.pad(first, zero, edges[0]) + lax.pad(second, zero, edges[1])

        return [after(places[i], places[i + 2]) for i in (0, 1)]

    rows = [along(places[i : i + 4], 2) for i in range(0, 16, 4)]
    columns = [along([row[j] for row in rows], 1) for j in (0, 1)]
    return interleave([columns[j][i] for i in (0, 1) for j in (0, 1)])


def inputs_of(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array):
    """`B^T` times a column of a tile."""
    return a - c, b + c, c - b, b - d


def inputs_back(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array):
    """`B` times a column of places."""
    return a, b - c + d, c + b - a, -d


def outputs_of(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array):
    """`A^T` times a column of places."""
    return a + b + c, b - c - d


def outputs_back(a: jax.Array, b: jax.Array):
    """`A` times a column of outputs."""
    return a, a + b, a - b, -b
