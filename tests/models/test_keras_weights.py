"""Names of Keras weights, files of them, and what is known of a model."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fedwhy.models as fm
from fedwhy.errors import ModelError
from fedwhy.models.keras_backend import use_keras

keras = use_keras()
L = keras.layers

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
MSE = keras.losses.MeanSquaredError()


def names(build, x=X):
    weights = fm.Model.from_keras(build, MSE).init(KEY, x)
    return [*weights.params, *weights.state]


def nested():
    return keras.Sequential(
        [
            L.Dense(3),
            keras.Sequential([L.Dense(3, name="named_7"), L.BatchNormalization()]),
            L.Dense(2),
        ]
    )


def test_automatic_names_are_numbered_by_appearance_and_users_names_are_kept():
    _ = L.Dense(1), L.Dense(1)  # moves Keras's own counter
    expected = [
        "sequential/dense/kernel",
        "sequential/dense/bias",
        "sequential/sequential/named_7/kernel",
        "sequential/sequential/named_7/bias",
        "sequential/sequential/batch_normalization/gamma",
        "sequential/sequential/batch_normalization/beta",
        "sequential/dense_1/kernel",
        "sequential/dense_1/bias",
        "sequential/sequential/batch_normalization/moving_mean",
        "sequential/sequential/batch_normalization/moving_variance",
    ]
    assert names(nested) == expected == names(nested)


def test_names_are_unique_where_keras_paths_are_not():
    def twins():
        def tower():
            x = L.Input((4,))
            return keras.Model(x, L.Dense(2, name="same")(x))

        x = L.Input((4,))
        return keras.Model(x, L.Add()([tower()(x), tower()(x)]))

    assert names(twins) == ["same/kernel", "same/bias", "same/kernel_1", "same/bias_1"]


def test_recurrent_wrappers_and_unnamed_variables_have_steady_names():
    class Scale(L.Layer):
        def build(self, shape):
            self.factor = self.add_weight(shape=(1,))
            self.offset = self.add_weight(shape=(1,))

        def call(self, x):
            return x * self.factor + self.offset

    def build():
        return keras.Sequential([L.Bidirectional(L.LSTM(2)), Scale()])

    x = np.zeros((1, 3, 2), np.float32)
    first = names(build, x)
    assert first == names(build, x)
    assert "sequential/bidirectional/backward_lstm/lstm_cell/kernel" in first
    assert len([name for name in first if "/scale/" in name]) == len(set(first)) - 6 == 2


def test_names_are_the_same_in_another_process():
    code = (
        "import jax; from fedwhy.models import Model\n"
        "from fedwhy.models.keras_backend import use_keras\n"
        "keras = use_keras(); L = keras.layers; L.Dense(9)\n"
        "build = lambda: keras.Sequential([L.Dense(3), L.Dense(2)])\n"
        "w = Model.from_keras(build, 'mse').init(jax.random.key(0), jax.numpy.ones((1, 4)))\n"
        "print(','.join(w.params), float(w.params['sequential/dense/kernel'].sum()))"
    )
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}  # which use_keras overrules
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    def build():
        return keras.Sequential([L.Dense(3), L.Dense(2)])

    here = fm.Model.from_keras(build, MSE).init(KEY, X).params
    there, total = done.stdout.split()
    assert there == ",".join(here)
    assert float(total) == float(here["sequential/dense/kernel"].sum())


def test_saved_file_opens_in_keras_and_predicts_the_same(tmp_path):
    model = fm.Model.from_keras(nested, MSE)
    weights = jax.tree.map(lambda a: a + 0.5, model.init(KEY, X))
    path = tmp_path / f"model{model.save_suffix}"
    assert model.save
    model.save(path, weights)
    expected, _ = model.apply(*weights, X, None, False)
    loaded = keras.saving.load_model(path)
    np.testing.assert_allclose(loaded.predict(X, verbose=0), expected, atol=1e-6)
    assert os.listdir(tmp_path) == ["model.keras"]


def test_saving_leaves_layers_that_the_user_shares_as_they_were(tmp_path):
    shared = keras.layers.Dense(3)
    model = fm.Model.from_keras(lambda: keras.Sequential([shared]), MSE)
    weights = model.init(KEY, X)
    before = shared.get_weights()
    assert model.save
    model.save(tmp_path / "model.keras", jax.tree.map(lambda a: a + 0.5, weights))
    for a, b in zip(shared.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_failing_save_leaves_the_old_file(tmp_path, monkeypatch):
    model = fm.Model.from_keras(nested, MSE)
    weights = model.init(KEY, X)
    assert model.save
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def half(self, filepath, *args, **kwargs):
        filepath.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(keras.Model, "save", half)
    with pytest.raises(OSError, match="disk full"):
        model.save(path, weights)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["model.keras"]
    with pytest.raises(ModelError, match=r"\*\.keras"):
        model.save(tmp_path / "model.h5", weights)


def test_penalty_is_that_of_keras_and_differentiable():
    def build():
        return keras.Sequential(
            [L.Dense(3, kernel_regularizer="l2", bias_regularizer=keras.regularizers.L1(0.5))]
        )

    model = fm.Model.from_keras(build, MSE)
    with pytest.raises(ModelError, match="once init"):
        model.penalty({})
    params = jax.tree.map(lambda a: a + 1, model.init(KEY, X).params)
    kernel, bias = params["sequential/dense/kernel"], params["sequential/dense/bias"]
    np.testing.assert_allclose(
        model.penalty(params), 0.01 * jnp.sum(kernel**2) + 0.5 * jnp.sum(jnp.abs(bias)), rtol=1e-6
    )
    gradient = jax.grad(model.penalty)(params)
    np.testing.assert_allclose(gradient["sequential/dense/kernel"], 0.02 * kernel, rtol=1e-6)


def test_description():
    def build():
        return keras.Sequential([nested(), L.Softmax()])

    loss = keras.losses.SparseCategoricalCrossentropy()
    known = fm.Model.from_keras(build, loss).describe(jax.ShapeDtypeStruct((7, 4), jnp.float32))
    assert known == fm.Description(
        name="sequential",
        parameters=15 + 12 + 6 + 8,
        layers=(
            fm.Layer("dense", "Dense", 15),
            fm.Layer("named_7", "Dense", 12),
            fm.Layer("batch_normalization", "BatchNormalization", 6),
            fm.Layer("dense_1", "Dense", 8),
            fm.Layer("softmax", "Softmax", 0),
        ),
        output_shape=(2,),
        output_activation="softmax",
        loss="sparse_categorical_crossentropy",
        from_logits=False,
        normalization=("BatchNormalization",),
    )


@pytest.mark.parametrize(
    ("last", "name"),
    [
        (lambda: L.Dense(2), "linear"),
        (lambda: L.Dense(2, activation="sigmoid"), "sigmoid"),
        (lambda: L.Activation("tanh"), "tanh"),
        (lambda: keras.Sequential([L.ReLU(), L.Reshape((2, 2)), L.Dropout(0.1)]), "relu"),
    ],
)
def test_output_activation(last, name):
    model = fm.Model.from_keras(lambda: keras.Sequential([last()]), MSE)
    assert model.describe(X).output_activation == name
