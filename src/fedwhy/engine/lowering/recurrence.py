"""Loops over time whose weights stay the same: their products taken together, outside the loop.

A recurrent layer multiplies, at every step of a `scan`, a few rows by the same weights. Where the
rows are the layer's inputs, all steps are one product before the loop. The other products stay,
but the gradient of their weights, which JAX would add up step by step (in arrays as large as the
weights themselves), becomes one product after the loop:

    y_t = h_t W + z_t  with z_t = 0,    so    dL/dW = sum over t of  h_t^T dL/dz_t
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from fedwhy.engine.lowering.product import every_row_times, multiplies_rows

PyTree = Any


class Product(NamedTuple):
    """A product in the loop's body of rows with weights `[rows, columns]`.

    `weights` is a place among the loop's constants; `inputs` one among its inputs over time, or
    None where the rows come from elsewhere. `result` has the product's shape and type.
    """

    weights: int
    inputs: int | None
    parameters: Mapping[str, Any]
    result: jax.ShapeDtypeStruct


class Loop(NamedTuple):
    """What goes into a scan: constants, first carry, inputs over time; each a list of arrays."""

    constants: list[Any]
    carry: list[Any]
    xs: list[Any]


def scan(parameters: Mapping[str, Any], evaluate: Callable[..., list[Any]], inputs: list[Any]):
    """The outputs of a scan; `evaluate(rules, *inputs)` evaluates its body with further rules."""
    fixed, carried = parameters["num_consts"], parameters["num_consts"] + parameters["num_carry"]
    options = {name: parameters[name] for name in ("length", "reverse", "unroll")}
    loop = Loop(inputs[:fixed], inputs[fixed:carried], inputs[carried:])

    def run(rule: Callable[..., Any], loop: Loop, over_time: PyTree) -> tuple[list[Any], list[Any]]:
        """The scan's outputs, and what `rule(constants, xs, over_time, kept, ...)` has kept."""

        def body(carry: list[Any], xs: tuple[list[Any], PyTree]):
            kept: list[Any] = []
            rules = {"dot_general": partial(rule, loop.constants, *xs, kept)}
            outputs = evaluate(rules, *loop.constants, *carry, *xs[0])
            return outputs[: carried - fixed], (outputs[carried - fixed :], kept)

        carry, (ys, kept) = lax.scan(body, loop.carry, (loop.xs, over_time), **options)
        return [*carry, *ys], kept

    products = find_products(run, loop)
    early = [product for product in products if product.inputs is not None]
    late = [product for product in products if product.inputs is None]
    before = [all_steps(p, loop.xs[p.inputs or 0], loop.constants[p.weights]) for p in early]
    if not late:
        return run(partial(replaced, early, {}), loop, (before, []))[0]

    def forward(weights: list[Any], loop: Loop, before: list[Any]):
        turned = {p.weights: lax.optimization_barrier(loop.constants[p.weights].T) for p in late}
        rule = partial(replaced, early, turned)
        zeros = [jnp.zeros((options["length"], *p.result.shape), p.result.dtype) for p in late]
        outputs, back, rows = jax.vjp(
            lambda *a: run(rule, a[0], a[1:]), loop, before, zeros, has_aux=True
        )
        return outputs, (back, rows, weights)

    def backward(kept: tuple[Any, ...], gradient: list[Any]):
        back, rows, weights = kept
        of_loop, of_before, of_zeros = back(gradient)
        of_weights = [
            jax.vjp(partial(all_steps, product, each), value)[1](step)[0]
            for product, each, value, step in zip(late, rows, weights, of_zeros, strict=True)
        ]
        return of_weights, of_loop, of_before

    whole = jax.custom_vjp(lambda *arguments: forward(*arguments)[0])
    whole.defvjp(forward, backward)
    return whole([loop.constants[p.weights] for p in late], loop, before)


def find_products(run: Callable[..., Any], loop: Loop) -> list[Product]:
    """The products of the loop's body with its constants, in their order."""
    found: list[Product] = []

    def look(constants, xs, over_time, kept, left, right, **parameters):
        weights = place_of_weights(constants, left, right, parameters)
        if weights is not None:
            result = jax.eval_shape(partial(lax.dot_general, **parameters), left, right)
            found.append(Product(weights, place_of(left, xs), parameters, result))

    def trace(loop: Loop):
        found.clear()  # JAX may trace a body more than once.
        return run(look, loop, None)

    jax.eval_shape(trace, loop)
    return found


def replaced(
    early: Sequence[Product],
    turned: Mapping[int, jax.Array],
    constants,
    xs,
    over_time,
    kept,
    left,
    right,
    **parameters,
):
    """The rule for the loop's body: early products are there already, late ones keep their rows.

    `turned` holds the weights of late products, transposed.
    """
    weights = place_of_weights(constants, left, right, parameters)
    if weights is None:
        return None
    before, zeros = over_time
    inputs = place_of(left, xs)
    for product, result in zip(early, before, strict=True):
        if (product.weights, product.inputs) == (weights, inputs):
            return result
    kept.append(left)
    y = times(left, lax.stop_gradient(right), turned[weights], parameters)
    return y + zeros[len(kept) - 1]


def times(rows: jax.Array, weights: jax.Array, turned: jax.Array, parameters: Mapping[str, Any]):
    """`rows` times `weights`, without a gradient for the weights.

    The gradient of the rows is a product with the weights transposed: faster where they are so
    already, as in `turned`.
    """
    if rows.ndim != 2 or not multiplies_rows(rows, weights, parameters):
        return lax.dot_general(rows, weights, **parameters)

    @jax.custom_vjp
    def product(rows: jax.Array, weights: jax.Array, turned: jax.Array) -> jax.Array:
        return lax.dot_general(rows, weights, **parameters)

    def forward(rows: jax.Array, weights: jax.Array, turned: jax.Array):
        return product(rows, weights, turned), turned

    def backward(turned: jax.Array, dy: jax.Array):
        return lax.dot_general(dy, turned, **parameters), None, None

    product.defvjp(forward, backward)
    return product(rows, weights, turned)


def all_steps(product: Product, rows: jax.Array, weights: jax.Array) -> jax.Array:
    """The product at every step, `[time, ...]`."""
    if multiplies_rows(rows[0], weights, product.parameters):
        return every_row_times(rows, weights, product.parameters)
    return jax.vmap(lambda each: lax.dot_general(each, weights, **product.parameters))(rows)


def place_of_weights(
    constants: Sequence[Any], left: Any, right: Any, parameters: Mapping[str, Any]
) -> int | None:
    """Which of the constants the rows `left` are multiplied by; None for any other product."""
    (_, contracted), (batched, _) = parameters["dimension_numbers"]
    fits = jnp.ndim(right) == 2 and len(contracted) == 1 and not batched
    if not fits or left.dtype != right.dtype or not jnp.issubdtype(right.dtype, jnp.floating):
        return None
    return place_of(right, constants)


def place_of(value: Any, among: Sequence[Any]) -> int | None:
    """The place of this very array."""
    return next((place for place, other in enumerate(among) if other is value), None)
