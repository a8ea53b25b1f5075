"""Products of rows with weights, as in a dense layer: the gradient of the weights in faster ways.

That gradient, `x^T dy`, is a matrix product with its left operand transposed, for which XLA on CPU
has no fast way. Of many rows, `x` is better transposed beforehand. Of a few rows, a sum of outer
products is better still: XLA computes it where the optimizer reads it, so that an array as large
as the weights is never written.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

# Of more rows than this, the gradient is better a matrix product.
FEW_ROWS = 16
# Other types would lose too much where products are added up one by one.
PRECISE = (jnp.float32, jnp.float64)

ROWS_TIMES_WEIGHTS = (((1,), (0,)), ((), ()))
ROWS_TIMES_TRANSPOSED = (((1,), (1,)), ((), ()))


def product(x: jax.Array, w: jax.Array, **parameters: Any) -> jax.Array | None:
    """`lax.dot_general` of `x` `[..., inputs]` with `w` `[inputs, outputs]`; None for others."""
    return every_row_times(x, w, parameters) if multiplies_rows(x, w, parameters) else None


def every_row_times(x: jax.Array, w: jax.Array, parameters: Mapping[str, Any]) -> jax.Array:
    """`x` `[..., inputs]` times `w` `[inputs, outputs]`, with what else `parameters` say."""
    options = {name: parameters[name] for name in parameters if name != "dimension_numbers"}
    rows = rows_times_weights(x.reshape(-1, x.shape[-1]), w, options)
    return rows.reshape(*x.shape[:-1], w.shape[1])


def multiplies_rows(x: Any, w: Any, parameters: Mapping[str, Any]) -> bool:
    """Whether a `lax.dot_general` takes each row of `x` `[..., inputs]` times `w`, as they are."""
    if jnp.ndim(x) < 2 or jnp.ndim(w) != 2 or not x.size:
        return False
    types = {x.dtype, w.dtype, jnp.dtype(parameters["preferred_element_type"] or x.dtype)}
    plain = len(types) == 1 and jnp.issubdtype(w.dtype, jnp.floating)
    return plain and parameters["dimension_numbers"] == (((x.ndim - 1,), (0,)), ((), ()))


def rows_times_weights(x: jax.Array, w: jax.Array, options: Mapping[str, Any]) -> jax.Array:
    """`x` `[rows, inputs]` times `w` `[inputs, outputs]`; `options` are those of a product."""

    @jax.custom_vjp
    def times(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.dot_general(x, w, ROWS_TIMES_WEIGHTS, **options)

    def forward(x: jax.Array, w: jax.Array):
        return times(x, w), (x, w)

    def backward(kept: tuple[jax.Array, jax.Array], dy: jax.Array):
        x, w = kept
        dx = lax.dot_general(dy, w, ROWS_TIMES_TRANSPOSED, **options)
        if len(x) <= FEW_ROWS and w.dtype in PRECISE:
            return dx, sum_of_outer_products(x, dy)
        # The barrier keeps XLA from making this the product that it was.
        x = lax.optimization_barrier(x.T)
        return dx, lax.dot_general(x, dy, ROWS_TIMES_WEIGHTS, **options)

    times.defvjp(forward, backward)
    return times(x, w)


def sum_of_outer_products(x: jax.Array, dy: jax.Array) -> jax.Array:
    """`x^T dy` of `x` `[rows, inputs]` and `dy` `[rows, outputs]`."""
    dy = settled(dy)
    total = x[0, :, None] * dy[0]
    for row in range(1, len(x)):
        total = total + x[row, :, None] * dy[row]
    return total


def settled(dy: jax.Array) -> jax.Array:
    """`dy` `[rows, outputs]`, computed before what reads it, and not anew for each reader.

    XLA takes what is cheap to compute into what reads it, across an `optimization_barrier` too,
    but no maximum: here, of two copies.
    """
    return jnp.max(jnp.broadcast_to(dy[:, None], (len(dy), 2, dy.shape[1])), axis=1)
