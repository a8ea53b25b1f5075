"""Calling computations: checks, transformations of JAX, and computations in computations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fedwhy.federated as ff
from fedwhy.errors import PlacementError

MODEL = {"w": ff.tensor(jnp.float32, 2), "b": jnp.float32}
SIGNATURE = (
    "({<x=float32[4,2],y=float32[4]>}@CLIENTS, <b=float32[],w=float32[2]>@SERVER, "
    "{int32[]}@CLIENTS) -> float32[]@SERVER"
)


def squared_error(data, model):
    return jnp.mean((data["x"] @ model["w"] + model["b"] - data["y"]) ** 2)


@ff.federated_computation(
    ff.at_clients({"x": ff.tensor(jnp.float32, 4, 2), "y": ff.tensor(jnp.float32, 4)}),
    ff.at_server(MODEL),
    ff.at_clients(jnp.int32),
)
def loss(data, model, weight):
    """The clients' weighted loss."""
    return ff.mean(ff.map(squared_error, data, ff.broadcast(model)), weight)


@pytest.fixture
def arguments():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(3, 4, 2)), random.normal(size=(3, 4))
    model = {"w": np.array([1, -2], np.float32), "b": np.float32(0.5)}
    data = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
    return {"data": data, "model": model, "weight": np.array([4, 4, 4], np.int32)}


def pooled(model, data):
    return squared_error({"x": data["x"].reshape(-1, 2), "y": data["y"].reshape(-1)}, model)


def close(actual, desired):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), actual, desired)


def test_calling_by_name_by_position_and_under_jit_agree(arguments):
    expected = pooled(arguments["model"], arguments["data"])
    close(loss(**arguments), expected)
    close(loss(*arguments.values()), expected)
    close(jax.jit(loss)(*arguments.values()), expected)
    assert loss.__doc__ == "The clients' weighted loss."
    assert str(loss.type_signature) == SIGNATURE


def test_the_gradient_through_a_round_is_the_pooled_gradient(arguments):
    data, model, weight = arguments.values()
    expected = jax.grad(pooled)(model, data)
    close(jax.grad(loss, argnums=1)(data, model, weight), expected)
    close(jax.jit(jax.grad(loss, argnums=1))(data, model, weight), expected)


def test_vmap_runs_a_round_for_each_of_several_models(arguments):
    data, model, weight = arguments.values()
    models = jax.tree.map(lambda leaf: np.stack([leaf, 2 * leaf]), model)
    double = jax.tree.map(lambda leaf: 2 * leaf, model)
    expected = np.stack([loss(data, model, weight), loss(data, double, weight)])
    close(jax.vmap(loss, in_axes=(None, 0, None))(data, models, weight), expected)


def test_any_number_of_clients_will_do(arguments):
    data, model, weight = arguments.values()
    first = jax.tree.map(lambda leaf: leaf[:1], (data, weight))
    close(loss(first[0], model, first[1]), pooled(model, first[0]))


def test_a_jitted_helper_in_a_body_sees_each_number_of_clients():
    copies = jax.jit(lambda x: ff.sum(ff.broadcast(x)))

    @ff.federated_computation(ff.at_clients(jnp.float32), ff.at_server(jnp.float32))
    def count(x, one):
        return copies(one)

    assert [count(np.ones(n, np.float32), 1.0) for n in (2, 3)] == [2, 3]


def test_computations_call_computations():
    @ff.federated_computation(ff.at_clients(jnp.float32))
    def spread(x):
        return ff.max(x), ff.min(x)

    @ff.federated_computation()
    def limit():
        return ff.value(1.0, ff.SERVER)

    @ff.federated_computation(ff.at_server(jnp.float32))
    def everywhere(x):
        return ff.broadcast(x)

    @ff.federated_computation(ff.at_clients(jnp.float32))
    def wide(x):
        high, low = spread(x=x)
        over = ff.map(lambda high, low, limit: high - low - limit, high, low, limit())
        return over, everywhere(over)

    over, copies = wide(jnp.array([1.0, 5.0, 2.0]))
    assert over == 3
    np.testing.assert_array_equal(copies, [3, 3, 3])
    assert limit() == 1
    assert str(wide.type_signature) == (
        "{float32[]}@CLIENTS -> <float32[]@SERVER,{float32[]}@CLIENTS>"
    )
    with pytest.raises(PlacementError, match="no argument of the computation is at CLIENTS"):
        everywhere(1.0)


@pytest.mark.parametrize(
    ("name", "change", "reason", "given"),
    [
        ("model", lambda m: {"w": m["w"]}, "argument `model` has the structure", "<w=float32[2]>"),
        ("model", lambda m: m | {"b": "x"}, "argument `model['b']` is no array but str", "b=str"),
        (
            "model",
            lambda m: m | {"w": np.ones(3, np.float32)},
            "argument `model['w']` is float32[3], not float32[2]",
            "<b=float32[],w=float32[3]>@SERVER",
        ),
        (
            "weight",
            lambda w: w.astype(np.float32),
            "argument `weight` is float32[], not int32[]",
            "{float32[]}@CLIENTS",
        ),
        ("weight", lambda w: 4, "argument `weight` has no axis of clients", "{int32[] (no axis of"),
        ("weight", list, "stack the clients first", "{<int32[]"),
        (
            "weight",
            lambda w: w[:2],
            "arguments disagree on the number of clients: `data` [3], `weight` [2]",
            "{int32[]}@CLIENTS",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_both_signatures(arguments, name, change, reason, given):
    arguments[name] = change(arguments[name])
    with pytest.raises(PlacementError) as error:
        loss(**arguments)
    first, expected_line, given_line = str(error.value).splitlines()
    assert first.startswith("loss: ")
    assert reason in first
    assert expected_line == f"  expected {SIGNATURE}"
    assert given in given_line


def test_a_wrong_number_of_arguments_is_refused(arguments):
    with pytest.raises(PlacementError, match="missing a required argument: 'weight'"):
        loss(arguments["data"], arguments["model"])


def test_no_clients_at_all_is_refused(arguments):
    data, model, weight = arguments.values()
    none = jax.tree.map(lambda leaf: leaf[:0], (data, weight))
    with pytest.raises(PlacementError, match="there are no clients"):
        loss(none[0], model, none[1])


def test_a_python_number_takes_the_declared_dtype_where_nothing_is_lost():
    @ff.federated_computation(ff.at_server({"f": jnp.float16, "i": jnp.int8}))
    def same(x):
        return x

    assert jax.tree.map(lambda leaf: str(leaf.dtype), same({"f": 1, "i": 1})) == {
        "f": "float16",
        "i": "int8",
    }
    with pytest.raises(PlacementError, match=r"`x\['i'\]` is float32\[\], not int8\[\]"):
        same({"f": 1, "i": 1.5})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            lambda x: 1.0,
            r"returned value has no placement.*\n.*\n.*-> float32\[\] \(no placement\)",
        ),
        (lambda x: (x, 1), r"returned value has no placement"),
        (lambda x: None, r"returned value has no placement"),
        (lambda x, y: x, r"missing a required argument: 'y'"),
        (lambda: None, r"too many positional arguments"),
        (
            lambda x: loss(x, x, x),
            r"loss: the arguments do not fit\n.*-> float32\[\]@SERVER\n  given",
        ),
        (lambda x: loss(x, {"w": 1.0, "b": 1.0}, 1), r"the arguments do not fit"),
    ],
)
def test_a_wrong_body_is_refused_where_it_is_written(body, reason):
    with pytest.raises(PlacementError, match=reason):
        ff.federated_computation(ff.at_clients(jnp.float32))(body)


def test_the_decorator_wants_types():
    with pytest.raises(PlacementError, match="takes the types of the arguments"):
        ff.federated_computation(jnp.float32)  # pyright: ignore[reportArgumentType]
