"""Products of a few rows with weights, as in a dense layer: the weights' gradient term by term.

The gradient `x^T dy` of weights `[inputs, outputs]` is as large as they are, and read once, by the
optimizer. As a matrix product it is written to memory first; as a sum of outer products, one for
each of a few rows, XLA computes it where the optimizer reads it.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

# With more rows than this the matrix product is the faster way.
MOST_ROWS = 16

ROWS_TIMES_WEIGHTS = (((1,), (0,)), ((), ()))
ROWS_TIMES_TRANSPOSED = (((1,), (1,)), ((), ()))


def product(x: jax.Array, w: jax.Array, **parameters: Any) -> jax.Array | None:
    """`lax.dot_general` of `x` `[rows, inputs]` with `w` `[inputs, outputs]`; None for others."""
    options = dict(parameters)
    if options.pop("dimension_numbers") != ROWS_TIMES_WEIGHTS or jnp.ndim(w) != 2:
        return None
    few = jnp.ndim(x) == 2 and len(x) <= MOST_ROWS
    types = {x.dtype, w.dtype, jnp.dtype(options["preferred_element_type"] or x.dtype)}
    if not few or types not in ({jnp.dtype("float32")}, {jnp.dtype("float64")}):
        return None

    @jax.custom_vjp
    def times(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.dot_general(x, w, ROWS_TIMES_WEIGHTS, **options)

    def forward(x: jax.Array, w: jax.Array):
        return times(x, w), (x, w)

    def backward(kept: tuple[jax.Array, jax.Array], dy: jax.Array):
        x, w = kept
        dx = lax.dot_general(dy, w, ROWS_TIMES_TRANSPOSED, **options)
        dy = settled(dy)
        dw = x[0, :, None] * dy[0]
        for row in range(1, len(x)):
            dw = dw + x[row, :, None] * dy[row]
        return dx, dw

    times.defvjp(forward, backward)
    return times(x, w)


def settled(dy: jax.Array) -> jax.Array:
    """`dy` `[rows, outputs]`, computed before what reads it, and not anew for each reader.

    XLA takes what is cheap to compute into what reads it, across an `optimization_barrier` too,
    but no maximum: here, of two copies.
    """
    return jnp.max(jnp.broadcast_to(dy[:, None], (len(dy), 2, dy.shape[1])), axis=1)
