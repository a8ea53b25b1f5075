"""Each intrinsic against NumPy, and what each refuses."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fedwhy.federated as ff
from fedwhy.errors import PlacementError

RANDOM = np.random.default_rng(0)
X = {
    "w": RANDOM.normal(size=(5, 3, 2)).astype(np.float32),
    "b": RANDOM.normal(size=5).astype(np.float32),
}
COUNT = np.array([1, 0, 2, 5, 2], np.int32)
X_TYPE = ff.at_clients({"w": ff.tensor(jnp.float32, 3, 2), "b": jnp.float32})
COUNT_TYPE = ff.at_clients(jnp.int32)


def run(body, *arguments, types=(X_TYPE, COUNT_TYPE)):
    return ff.federated_computation(*types)(body)(*arguments)


def untyped(mistake) -> Any:
    return mistake


def close(actual, desired):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), actual, desired
    )


@pytest.mark.parametrize(
    ("intrinsic", "reference"),
    [
        (ff.sum, lambda x: x.sum(0)),
        (ff.mean, lambda x: x.mean(0)),
        (ff.min, lambda x: x.min(0)),
        (ff.max, lambda x: x.max(0)),
        (ff.collect, lambda x: x),
    ],
)
def test_a_reduction_is_numpys_over_the_first_axis_of_every_leaf(intrinsic, reference):
    result = run(lambda x, count: intrinsic(x), X, COUNT)
    close(result, jax.tree.map(reference, X))


def test_the_weighted_mean_is_the_pooled_average():
    result = run(lambda x, count: ff.mean(x, weight=count), X, COUNT)
    close(result, jax.tree.map(lambda leaf: np.average(leaf, axis=0, weights=COUNT), X))


def test_a_weighted_mean_in_half_precision_sums_in_single():
    x, weight = np.ones(5000, np.float16), np.full(5000, 100, np.int32)
    types = (ff.at_clients(jnp.float16), COUNT_TYPE)
    result = run(lambda x, w: ff.mean(x, w), x, weight, types=types)
    assert result.dtype == np.float16
    assert result == 1


def test_weights_that_sum_to_zero_give_nan():
    assert np.isnan(run(lambda x, count: ff.mean(x["b"], count), X, 0 * COUNT))


def test_a_mean_weighs_a_broadcast_weight_equally():
    result = run(lambda x, count: ff.mean(x, ff.value(3.0, ff.CLIENTS)), X, COUNT)
    close(result, jax.tree.map(lambda leaf: leaf.mean(0), X))


def test_a_sum_keeps_the_dtype():
    types = (ff.at_clients(jnp.int8),)
    assert run(ff.sum, np.array([1, 2], np.int8), types=types).dtype == np.int8


def test_map_gives_each_client_its_own_and_the_server_its_own():
    def body(x, count):
        scaled = ff.map(lambda x, n, k: x["w"] * n + k, x, count, ff.value(0.5, ff.CLIENTS))
        return scaled, ff.map(jnp.sqrt, ff.map(jnp.float32, ff.sum(count)))

    scaled, root = run(body, X, COUNT)
    close(scaled, X["w"] * COUNT[:, None, None] + 0.5)
    close(root, np.sqrt(10.0))


def test_zip_joins_and_selection_takes_apart():
    def body(x, count):
        pair = ff.zip(x, ff.value(2, ff.CLIENTS))
        _, two = pair
        named = ff.zip({"x": pair[0]["b"], "n": count, "two": two})
        return ff.map(lambda v: v["x"] * v["n"] * v["two"], named)

    close(run(body, X, COUNT), X["b"] * COUNT * 2)


def test_a_sum_of_ones_counts_the_clients():
    assert run(lambda x, count: ff.sum(ff.value(1, ff.CLIENTS)), X, COUNT) == 5


def test_a_broadcast_copies_nothing():
    def body(x, count):
        everywhere = ff.broadcast(ff.sum(x))
        doubled = ff.map(lambda v: v["w"] * 2, everywhere)
        assert everywhere.member["w"].shape == doubled.member.shape == (3, 2)
        return doubled

    close(run(body, X, COUNT), np.broadcast_to(2 * X["w"].sum(0), (5, 3, 2)))


def test_random_keys_are_values_too():
    keys = jax.random.split(jax.random.key(0), 3)
    noise = run(lambda k: ff.map(jax.random.normal, k), keys, types=(ff.at_clients(keys[0]),))
    close(noise, jax.vmap(jax.random.normal)(keys))


@pytest.mark.parametrize(
    ("body", "expected", "given"),
    [
        (lambda c, s: ff.broadcast(c), "T@SERVER -> {T}@CLIENTS", "{float32[]}@CLIENTS"),
        (lambda c, s: ff.sum(s), "{T}@CLIENTS -> T@SERVER, T numeric", "float32[]@SERVER"),
        (lambda c, s: ff.min(s), "{T}@CLIENTS -> T@SERVER, T int", "float32[]@SERVER"),
        (lambda c, s: ff.max(s), "{T}@CLIENTS -> T@SERVER, T int", "float32[]@SERVER"),
        (lambda c, s: ff.collect(s), "{T[...]}@CLIENTS -> T[clients,...]@SERVER", "float32[]@S"),
        (lambda c, s: ff.mean(s), "({T}@CLIENTS, weight={number[]}@CLIENTS)", "float32[]@SERVER"),
        (lambda c, s: ff.mean(c, s), "({T}@CLIENTS, w", "({float32[]}@CLIENTS, float32[]@SERVER)"),
        (lambda c, s: ff.mean(c, untyped(2.0)), "({T}@CLIENTS, w", "float32[] (no placement))"),
        (lambda c, s: ff.mean(ff.map(jnp.int32, c)), "T floating", "{int32[]}@CLIENTS"),
        (
            lambda c, s: ff.mean(c, ff.map(jnp.atleast_1d, c)),
            "weight={number[]}@CLIENTS",
            "({float32[]}@CLIENTS, {float32[1]}@CLIENTS)",
        ),
        (lambda c, s: ff.mean(c, ff.map(jnp.isnan, c)), "weight={number[]}", "{bool[]}@CLIENTS"),
        (lambda c, s: ff.sum(ff.map(jnp.isnan, c)), "T numeric", "{bool[]}@CLIENTS"),
        (lambda c, s: ff.max(ff.map(jnp.complex64, c)), "T int", "{complex64[]}@CLIENTS"),
        (lambda c, s: ff.map(jnp.add, c, s), "{U}@CLIENTS or", "({float32[]}@CLIENTS, float32[]@S"),
        (lambda c, s: ff.map(lambda x: ff.sum(c), c), "-> {U}@CLIENTS", "float32[]@SERVER"),
        (lambda c, s: ff.zip(s, c), "<T,U,...>", "(float32[]@SERVER, {float32[]}@CLIENTS)"),
        (lambda c, s: ff.zip(), "<T,U,...>", "()"),
        (
            lambda c, s: ff.sum(untyped((c, c))),
            "T numeric",
            "<{float32[]}@CLIENTS,{float32[]}@CLIENTS>",
        ),
        (lambda c, s: ff.value(c, ff.SERVER), "(T, CLIENTS) -> {T}", "{float32[]}@CLIENTS"),
        (lambda c, s: ff.value("text", ff.SERVER), "(T, CLIENTS) -> {T}", "str (no array)"),
        (
            lambda c, s: ff.value(1, untyped("SERVER")),
            "(T, CLIENTS) -> {T}",
            "int32[] (no placement)",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_both_signatures(body, expected, given):
    with pytest.raises(PlacementError) as error:
        ff.federated_computation(ff.at_clients(jnp.float32), ff.at_server(jnp.float32))(body)
    _, expected_line, given_line = str(error.value).splitlines()
    assert expected_line.startswith("  expected ")
    assert expected in expected_line
    assert given_line.startswith("  given ")
    assert given in given_line


@pytest.mark.parametrize(
    "arithmetic",
    [
        lambda c, s: c + s,
        lambda c, s: 2 * c,
        lambda c, s: np.ones(3, np.float32) * c,
        lambda c, s: jnp.exp(c),
        lambda c, s: c == s,
        lambda c, s: c[0],
        lambda c, s: c if c else s,
    ],
)
def test_arithmetic_on_a_placed_value_is_refused(arithmetic):
    with pytest.raises(PlacementError, match=r"is not an array: compute with ff\.map"):
        ff.federated_computation(ff.at_clients(jnp.float32), ff.at_server(jnp.float32))(arithmetic)
