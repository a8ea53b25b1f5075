"""`Model.prepared`: the model and its preparation as one."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import fedwhy as fw
from fedwhy.errors import ModelError

X = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 1)).astype(np.uint8)
Y = np.arange(6) % 3
PREPARATION = fw.Preparation(fw.prepare.Scale(255), fw.prepare.Flatten(), fw.prepare.OneHot(3))


def network():
    layers = [keras.layers.Dense(4), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
    return keras.Sequential(layers)


@pytest.fixture
def model():
    return fw.Model.from_keras(
        network,
        keras.losses.CategoricalCrossentropy(from_logits=True),
        [keras.metrics.CategoricalAccuracy(name="own")],
    )


def test_whatever_a_prepared_model_does_begins_with_its_preparation(model):
    prepared = model.prepared(PREPARATION)
    x, y = (X / np.float32(255)).reshape(6, -1), np.eye(3, dtype=np.float32)[Y]
    weights = prepared.init(jax.random.key(0), X)
    plain = model.init(jax.random.key(0), x)
    jax.tree.map(np.testing.assert_array_equal, weights, plain)
    for train in (False, True):
        output, state = prepared.apply(*weights, X, jax.random.key(1), train)
        expected = model.apply(*weights, x, jax.random.key(1), train)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), (output, state), expected
        )
    np.testing.assert_array_equal(prepared.loss(output, Y), model.loss(output, y))
    for name in ("accuracy", "own"):
        ours, theirs = (m.metrics[name].measure for m in (prepared, model))
        jax.tree.map(np.testing.assert_array_equal, ours(output, Y), theirs(output, y))
    assert prepared.describe(X) == model.describe(x)
    assert prepared.preparation is PREPARATION and model.preparation is None


@pytest.mark.parametrize("example", [X, jax.ShapeDtypeStruct((2, 4, 4, 1), jnp.uint8)])
def test_plain_functions_are_given_the_prepared_shape(softmax, example):
    weights = softmax.prepared(PREPARATION).init(jax.random.key(0), example)
    assert weights.params["kernel"].shape == (16, 10)


def test_saved_model_takes_prepared_inputs(model, tmp_path):
    prepared: Any = model.prepared(PREPARATION)
    weights = prepared.init(jax.random.key(0), X)
    prepared.save(tmp_path / "m.keras", weights)
    served: Any = keras.saving.load_model(tmp_path / "m.keras")
    output, _ = prepared.apply(*weights, X, None, False)
    np.testing.assert_allclose(served(PREPARATION.inputs(X)), output, atol=1e-6)


def test_a_second_preparation_is_refused(model):
    with pytest.raises(ModelError, match="put all steps into one Preparation"):
        model.prepared(PREPARATION).prepared(PREPARATION)
