"""Plain JAX functions as a model."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fedwhy.models as fm
from fedwhy.errors import ModelError

X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
Y = np.array([0, 1, 1, 0])


def init(key, example):
    w = jax.random.normal(key, (example.shape[-1], 2))
    return {"dense": {"w": w, "b": jnp.zeros(2)}}


def affine(params, x, key, train):
    return x @ params["dense"]["w"] + params["dense"]["b"]


def correct(output, y):
    return jnp.argmax(output, -1) == y


def model(loss=optax.softmax_cross_entropy_with_integer_labels):
    return fm.Model.from_functions(init, affine, loss, {"accuracy": correct}, True)


def test_apply_and_loss_are_the_given_functions():
    params, state = model().init(jax.random.key(0), X)
    output, same = model().apply(params, state, X, None, True)
    assert state == same == {}
    np.testing.assert_allclose(output, X @ params["dense"]["w"], rtol=1e-5)
    np.testing.assert_allclose(
        model().loss(output, Y), optax.softmax_cross_entropy_with_integer_labels(output, Y)
    )
    metric = model().metrics["accuracy"]
    found = metric.finalize(jnp.sum(metric.measure(output, Y)) + metric.zero, jnp.float32(4))
    assert float(found) == np.mean(np.argmax(output, -1) == Y)
    assert float(model().penalty(params)) == 0 and model().save is None


def test_losses_of_several_axes_are_averaged_and_reduced_ones_refused():
    np.testing.assert_allclose(
        model(optax.squared_error).loss(X, 0 * X), np.mean(X**2, 1), rtol=1e-6
    )
    with pytest.raises(ModelError, match="each of the batch's 4 examples"):
        model(lambda output, y: jnp.mean((output - y) ** 2)).loss(X, X)


def test_outputs_that_score_classes_have_an_accuracy():
    plain = fm.Model.from_functions(init, affine, optax.squared_error, classes_from_output=True)
    right = plain.metrics["accuracy"].measure(X[:, :2], Y[:, None])
    np.testing.assert_array_equal(right, X[:, :2].argmax(1) == Y)


def test_loss_that_compares_every_example_with_every_other_is_refused():
    def squared(output, y):
        return (output - y) ** 2

    with pytest.raises(ModelError, match=r"every other.*\(4, 4\).*\(4, 1\).*\(4,\)"):
        model(squared).loss(X[:, :1], X[:, 0])
    assert model(squared).loss(np.eye(4), np.eye(4)).shape == (4,)


def test_description():
    assert model().describe(jax.ShapeDtypeStruct((9, 3), jnp.float32)) == fm.Description(
        name="affine",
        parameters=8,
        layers=(fm.Layer("dense", "", 8),),
        output_shape=(2,),
        loss="softmax_cross_entropy_with_integer_labels",
    )


def test_parameters_need_no_dict():
    scalar = fm.Model.from_functions(
        lambda key, example: jnp.zeros(()),
        lambda x, a, key, train: x,
        lambda output, y: (output - y) ** 2,
    )
    assert scalar.describe(X).layers == () and scalar.describe(X).parameters == 1
    assert scalar.loss(jnp.float32(1), jnp.arange(3.0)).shape == (3,)
