"""Convolutions with kernels of 3 x 3 and 5 x 5 by Winograd's algorithm, with their gradients.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4.1,
F(2 x 2, r x r): tiles of t x t inputs, t = r + 1, of which neighbours are two apart, give 2 x 2
outputs each,

    Y = A^T [ (G w G^T) * (B^T d B) ] A

with t^2 multiplications where the definition takes 4 r^2: 16 for 36, or 36 for 100. Summed over the
channels, these are t^2 matrix products `[tiles, in] @ [in, out]`, one for each place in a tile;
they are written one by one, since XLA has no fast product for a stack of matrices. The rounding
error is a few times that of the definition, of gradients of 5 x 5 kernels about ten times.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Fewer channels than this, in or out, leave too little to multiply for what the tiles cost.
FEWEST_CHANNELS = 16


class Tiles(NamedTuple):
    """The matrices of F(2, r): B^T `[t, t]`, G `[t, r]` and A^T `[2, t]`."""

    inputs: np.ndarray
    kernel: np.ndarray
    outputs: np.ndarray


def toom_cook(points: Sequence[float]) -> Tiles:
    """The matrices by which a product of polynomials is taken at `points` and at infinity.

    Any t - 1 different points will do; they decide how much is rounded away. Points -1/c, -c, c and
    1/c are from Alam, Anderson, Barabasz and Gregg, "Winograd Convolution for Deep Neural Networks:
    Efficient Point Selection", 2022.
    """
    r = len(points)
    others = [[q for q in points if q != p] for p in points]
    powers = np.vander(points, r, increasing=True)
    scales = [np.prod(np.subtract(p, rest)) for p, rest in zip(points, others, strict=True)]
    last = np.eye(r)[-1:]
    return Tiles(
        inputs=np.stack([*(np.append(np.poly(q)[::-1], 0) for q in others), np.poly(points)[::-1]]),
        kernel=np.concatenate([powers / np.reshape(scales, (-1, 1)), last]),
        outputs=np.concatenate([powers[:, :2], [[0, 1]]]).T,
    )


# By r.
TILES = {3: toom_cook([0, 1, -1]), 5: toom_cook([0, 2 / 3, -2 / 3, 3 / 2, -3 / 2])}


def winograd(x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution of `x` `[batch, h, w, in]`, padded already, with `w` `[r, r, in, out]`."""
    outputs = [n - len(w) + 1 for n in x.shape[1:3]]
    odd = [(0, n % 2, 0) for n in outputs]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *odd, (0, 0, 0)])
    return even(x, w)[:, : outputs[0], : outputs[1]]


@jax.custom_vjp
def even(x: jax.Array, w: jax.Array) -> jax.Array:
    """The convolution with an even number of outputs along each axis."""
    return _forward(x, w)[0]


def _forward(x: jax.Array, w: jax.Array):
    tiles = TILES[len(w)]
    places = input_places(tiles, x)
    products = [p @ kernel for p, kernel in zip(places, kernel_places(tiles, w), strict=True)]
    shape = (len(x), *counts(x, tiles), w.shape[-1])
    y = both_axes(tiles.outputs, [product.reshape(shape) for product in products])
    return interleave(y), (places, x, w)


def _backward(kept, dy: jax.Array):
    places, x, w = kept
    tiles = TILES[len(w)]
    corners = [dy[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    seen = [p.reshape(-1, dy.shape[-1]) for p in both_axes(tiles.outputs.T, corners)]
    dkernels = [place.T @ s for place, s in zip(places, seen, strict=True)]
    dw = jnp.stack(both_axes(tiles.kernel.T, dkernels)).reshape(w.shape)
    kernels = [lax.optimization_barrier(kernel.T) for kernel in kernel_places(tiles, w)]
    shape = (len(x), *counts(x, tiles), x.shape[-1])
    dplaces = [(s @ kernel).reshape(shape) for s, kernel in zip(seen, kernels, strict=True)]
    return add_tiles(tiles, dplaces), dw


even.defvjp(_forward, _backward)


def counts(x: jax.Array, tiles: Tiles) -> list[int]:
    """How many tiles lie along height and width of `x`."""
    return [(n - len(tiles.inputs)) // 2 + 1 for n in x.shape[1:3]]


def times(matrix: np.ndarray, column: Sequence[jax.Array]) -> list[jax.Array]:
    """`matrix` times a column of arrays, without the terms that are zero."""
    rows = []
    for factors in matrix:
        terms = [
            array if factor == 1 else array * array.dtype.type(factor)
            for factor, array in zip(factors, column, strict=True)
            if factor
        ]
        rows.append(sum(terms[1:], terms[0]))
    return rows


def both_axes(matrix: np.ndarray, places: Sequence[jax.Array]) -> list[jax.Array]:
    """`matrix` along both axes of a square of places, given and returned row by row."""
    side = matrix.shape[1]
    columns = [times(matrix, places[j::side]) for j in range(side)]
    return [place for row in zip(*columns, strict=True) for place in times(matrix, row)]


def kernel_places(tiles: Tiles, w: jax.Array) -> list[jax.Array]:
    """`G w G^T` for each pair of channels: t^2 arrays `[in, out]`."""
    return both_axes(tiles.kernel, [w[i, j] for i, j in np.ndindex(*w.shape[:2])])


def input_places(tiles: Tiles, x: jax.Array) -> list[jax.Array]:
    """`B^T d B` for every tile d: t^2 arrays `[tiles, in]`."""
    side = len(tiles.inputs)

    def every_other(x: jax.Array, axis: int) -> list[jax.Array]:
        count = x.shape[axis] - side + 1
        return [lax.slice_in_dim(x, i, i + count, 2, axis) for i in range(side)]

    columns = times(tiles.inputs, every_other(x, 1))
    places = [place for column in columns for place in times(tiles.inputs, every_other(column, 2))]
    return [place.reshape(-1, x.shape[-1]) for place in places]


def interleave(corners: Sequence[jax.Array]) -> jax.Array:
    """The outputs `[batch, 2 h, 2 w, out]`, given the corners `[batch, h, w, out]` of tiles."""
    batch, height, width, channels = corners[0].shape
    rows = [jnp.stack(corners[i : i + 2], axis=3) for i in (0, 2)]
    return jnp.stack(rows, axis=2).reshape(batch, 2 * height, 2 * width, channels)


def add_tiles(tiles: Tiles, places: Sequence[jax.Array]) -> jax.Array:
    """The sum of the overlapping tiles `B p B^T`, given p as t^2 places `[batch, h, w, in]`."""
    side = len(tiles.inputs)
    edge = side // 2 - 1

    def along(places: Sequence[jax.Array], axis: int) -> list[jax.Array]:
        """The sums along an axis, at even places and at odd ones."""
        edges = [(0, 0, 0)] * places[0].ndim
        edges[axis] = (edge, edge, 0)
        zero = jnp.zeros((), places[0].dtype)
        # A pad that XLA takes into the sums would be a question at each number that they read.
        padded = lax.optimization_barrier([lax.pad(place, zero, edges) for place in places])
        length = places[0].shape[axis] + edge
        sums = []
        for parity in (0, 1):
            terms = []
            for row, start in zip(tiles.inputs.T[parity::2], range(edge, -1, -1), strict=True):
                seen = [lax.slice_in_dim(p, start, start + length, 1, axis) for p in padded]
                terms += times(row[None], seen)
            sums.append(sum(terms[1:], terms[0]))
        return sums

    rows = [along(places[i : i + side], 2) for i in range(0, side**2, side)]
    columns = [along([row[j] for row in rows], 1) for j in (0, 1)]
    return interleave([columns[j][i] for i in (0, 1) for j in (0, 1)])
