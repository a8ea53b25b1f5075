"""Convolutions and pools computed in another way: the same values and gradients as `lax`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from fedwhy.engine.lowering.batch_last import FEW_INPUTS, FEW_OUTPUTS, suits_batch_last
from fedwhy.engine.lowering.convolution import suits_winograd
from fedwhy.engine.lowering.model import RULES
from fedwhy.engine.lowering.rewrite import inner_functions, rewritten
from fedwhy.engine.lowering.window import Window

# Compiling takes nearly all of the time here.
IN_A_HURRY = {"xla_backend_optimization_level": 0}


def random(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def holds(jaxpr):
    """Whether an operation that the rules replace is left, but for products: they become others."""
    return any(
        equation.primitive.name in RULES.keys() - {"dot_general"}
        or any(map(holds, inner_functions(equation.params)))
        for equation in jaxpr.eqns
    )


def assert_same_values_and_gradients(function, *inputs, rtol=1e-4):
    """Compares `function` with its rewritten form, which must hold no operation of the rules."""
    other = rewritten(function, RULES)
    assert not holds(jax.make_jaxpr(other)(*inputs).jaxpr)
    weight = random(9, *jax.eval_shape(function, *inputs).shape)
    ours, theirs = (value_and_gradients(f, weight, *inputs) for f in (other, function))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * float(jnp.abs(b).max()))


def value_and_gradients(function, weight, *inputs):
    """The value and, of its sum by `weight`, the gradients, compiled at once and in a hurry."""

    def both(*inputs):
        value, back = jax.vjp(function, *inputs)
        return value, *back(weight.astype(value.dtype))

    return jax.jit(both, compiler_options=IN_A_HURRY)(*inputs)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from([3, 5]),
    st.integers(5, 12),
    st.integers(5, 12),
    st.integers(16, 20),
    st.integers(16, 20),
)
def test_winograd_equals_lax(size, height, width, inside, outside):
    x, w = random(0, 3, height, width, inside), random(1, size, size, inside, outside)
    assert suits_winograd(Window((size, size), (1, 1), (1, 1), 1), w)
    layout = ("NHWC", "HWIO", "NHWC")

    def convolve(x, w):
        return lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)

    assert_same_values_and_gradients(convolve, x, w, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 20), st.integers(1, 9), st.integers(1, 9))
def test_product_of_rows_with_weights_equals_lax(rows, inputs, outputs):
    assert_same_values_and_gradients(
        jnp.matmul, random(0, rows, inputs), random(1, inputs, outputs)
    )


@pytest.mark.parametrize("shape", [(2, 3, 5), (6, 7, 5), (2, 2, 2, 5)])
def test_product_of_rows_in_several_axes_equals_lax(shape):
    assert_same_values_and_gradients(lambda x, w: x @ w, random(0, *shape), random(1, 5, 4))


@pytest.mark.parametrize("rows", [4, 40])
def test_products_of_bfloat16_lose_nothing_more(rows):
    x, w = (random(seed, *s).astype(jnp.bfloat16) for seed, s in enumerate([(rows, 5), (5, 4)]))
    assert_same_values_and_gradients(lambda x, w: (x @ w).astype(jnp.float32), x, w, rtol=1e-2)


def products(function, by, *inputs):
    """How many matrix products the gradients of `function` by the inputs `by` take."""
    gradients = jax.grad(lambda *a: jnp.sum(function(*a) ** 2), by)
    return str(jax.make_jaxpr(gradients)(*inputs)).count("dot_general")


def test_gradient_of_weights_that_few_rows_meet_is_no_product():
    def count(rows):
        return products(rewritten(jnp.matmul, RULES), (0, 1), random(0, rows, 4), random(1, 4, 3))

    assert (count(10), count(100)) == (2, 3)


@st.composite
def convolutions(draw):
    axes = draw(st.integers(1, 3))
    groups, inside = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    times = draw(st.integers(1, 3) | st.just(FEW_OUTPUTS + 1))
    dilation = draw(st.lists(st.integers(1, 2), min_size=axes, max_size=axes))
    size = draw(st.lists(st.integers(1, 4 if axes < 3 else 2), min_size=axes, max_size=axes))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, size, strict=True)]
    space = [draw(st.integers(r, r + 6)) for r in reach]
    edge = st.tuples(st.integers(0, 3), st.integers(0, 3))
    padding = draw(
        st.sampled_from(["SAME", "VALID"]) | st.lists(edge, min_size=axes, max_size=axes)
    )
    options = {
        "window_strides": draw(st.lists(st.integers(1, 3), min_size=axes, max_size=axes)),
        "padding": padding,
        "rhs_dilation": dilation,
        "feature_group_count": groups,
    }
    last = draw(st.booleans())
    letters = "DHW"[:axes]
    options["dimension_numbers"] = (
        (f"N{letters}C", f"{letters}IO", f"N{letters}C")
        if last
        else (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    )
    batch, channels, outputs = draw(st.integers(1, 5)), groups * inside, groups * times
    x = (batch, *space, channels) if last else (batch, channels, *space)
    w = (*size, inside, outputs) if last else (outputs, inside, *size)
    if isinstance(padding, list) and draw(st.booleans()):
        options["lhs_dilation"] = [2] * axes
    return options, x, w


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_convolution_equals_lax(case):
    options, x, w = case
    assert_same_values_and_gradients(
        lambda x, w: lax.conv_general_dilated(x, w, **options), random(0, *x), random(1, *w)
    )


@pytest.mark.parametrize("outputs", [6, FEW_OUTPUTS + 1])
def test_first_layer_has_no_gradient_of_its_input(outputs):
    x, w = random(0, 4, 9, 9, 1), random(1, 3, 3, 1, outputs)
    assert suits_batch_last(Window((3, 3), (1, 1), (1, 1), 1), x, w) == (outputs == 6)
    other = rewritten(convolve, RULES)
    assert [products(other, by, x, w) for by in (1, (0, 1))] == [2, 3]
    assert_same_values_and_gradients(lambda w: convolve(x, w), w)


@pytest.mark.parametrize(
    ("batch", "inputs", "outputs", "dtype", "suits"),
    [
        (64, 1, 6, "float32", True),
        (64, FEW_INPUTS, FEW_OUTPUTS, "float32", True),
        (64, FEW_INPUTS + 1, FEW_OUTPUTS, "float32", False),
        (64, FEW_INPUTS, FEW_OUTPUTS + 1, "float32", False),
        (64, 1, 6, "bfloat16", False),
        (10_000, 1, 6, "float32", False),
    ],
)
def test_few_channels_put_the_batch_last(batch, inputs, outputs, dtype, suits):
    x, w = jnp.zeros((batch, 28, 28, inputs), dtype), jnp.zeros((5, 5, inputs, outputs), dtype)
    assert suits_batch_last(Window((5, 5), (1, 1), (1, 1), 1), x, w) == suits


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["SAME", "VALID"]),
    space=st.integers(4, 9),
    channels=st.sampled_from([3, FEW_OUTPUTS + 1]),
)
def test_max_pool_equals_lax_ties_included(size, stride, padding, space, channels):
    x = jnp.round(random(0, 2, space, space, channels))  # Few distinct values: many ties.

    def pool(x):
        window, strides = (1, size, size, 1), (1, stride, stride, 1)
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)

    assert_same_values_and_gradients(pool, x)


def test_max_pool_passes_nan_on():
    x = jnp.zeros((1, 4, 4, 1)).at[0, 1, 1, 0].set(jnp.nan)
    pool = rewritten(
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
        RULES,
    )
    np.testing.assert_array_equal(jnp.isnan(pool(x)).ravel(), [True, False, False, False])


def convolve(x, w):
    return lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@pytest.mark.parametrize(
    "function",
    [
        jax.jit(convolve),
        jax.checkpoint(convolve),
        lambda x, w: lax.cond(x.sum() > 0, convolve, lambda x, w: x, x, w),
        lambda x, w: lax.scan(lambda c, k: (convolve(c, k), 0), x, jnp.stack([w, w / 2]))[0],
        lambda x, w: jax.vmap(convolve, (None, 0))(x, jnp.stack([w, w / 2])).sum(0),
    ],
    ids=["jit", "checkpoint", "cond", "scan", "vmap"],
)
def test_convolutions_inside_other_functions_are_found(function):
    assert_same_values_and_gradients(function, random(0, 2, 5, 5, 3), random(1, 3, 3, 3, 3))


@pytest.mark.parametrize("outputs", [2, FEW_OUTPUTS + 1])
def test_rewritten_function_can_be_mapped(outputs):
    x, w = random(0, 4, 2, 5, 5, 3), random(1, 4, 3, 3, 3, outputs)
    gradient = jax.grad(lambda w, x: jnp.sum(jnp.sin(rewritten(convolve, RULES)(x, w))))
    expected = jax.grad(lambda w, x: jnp.sum(jnp.sin(convolve(x, w))))
    np.testing.assert_allclose(jax.vmap(gradient)(w, x), jax.vmap(expected)(w, x), atol=2e-4)


def test_functions_without_such_operations_are_left_alone():
    def function(x):
        return jnp.sin(x) + 1

    assert str(jax.make_jaxpr(rewritten(function, RULES))(1.0)) == str(
        jax.make_jaxpr(function)(1.0)
    )


def lstm(xs, w, u, bias):
    def step(carry, x):
        h, c = carry
        i, f, g, o = jnp.split(x @ w + h @ u + bias, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((xs.shape[1], u.shape[0]))
    return lax.scan(step, (zero, zero), xs)[1]


def weights_used_in_two_ways(xs, w, u, bias):
    def step(h, x):
        h = jnp.tanh(x @ w[:, :4] + h @ u[:, :4] + jnp.sum(u) * jnp.sin(h @ u[:, :4]))
        return h, (h, h * 2)

    return lax.scan(step, jnp.zeros((xs.shape[1], 4)), xs, reverse=True)[1][1]


def only_over_inputs(xs, w, u, bias):
    return lax.scan(lambda c, x: (c + 1.0, jnp.sin(x @ w) * c), 0.0, xs)[1]


@pytest.mark.parametrize("function", [lstm, weights_used_in_two_ways, only_over_inputs])
def test_recurrence_equals_scan(function):
    inputs = random(0, 7, 3, 5), random(1, 5, 16), random(2, 4, 16), random(3, 16)
    assert_same_values_and_gradients(function, *inputs)


def test_gradient_of_recurrent_weights_is_one_product_after_the_loop():
    inputs = random(0, 7, 3, 5), random(1, 5, 16), random(2, 4, 16), random(3, 16)
    gradient = jax.grad(lambda *a: jnp.sum(rewritten(lstm, RULES)(*a)), (1, 2))
    loops = [e for e in jax.make_jaxpr(gradient)(*inputs).eqns if e.primitive.name == "scan"]
    carried = [v.aval.shape for e in loops for v in e.outvars[: e.params["num_carry"]]]
    assert loops
    assert (4, 16) not in carried
    assert (5, 16) not in carried
