"""A Keras model as pure functions, against Keras itself."""

import gc
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fedwhy.models as fm
from fedwhy.errors import ModelError
from fedwhy.models.keras_backend import use_keras
from fedwhy.models.keras_model import KerasFront

keras = use_keras()
L = keras.layers

CROSSENTROPY = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
Y = np.array([0, 2, 1, 1, 0, 2])


def dense():
    return keras.Sequential([L.Dense(5, activation="relu"), L.Dense(3)])


def normalized():
    return keras.Sequential([L.Dense(5), L.BatchNormalization(momentum=0.9), L.Dense(3)])


def dropped():
    return keras.Sequential([L.Dropout(0.5), L.Dropout(0.5)])


def keras_twin(build, weights):
    """A Keras model of its own with `weights`; relies on the order of weights alone."""
    twin = build()
    twin.build((None, 4))
    for variables, values in (
        (twin.trainable_weights, weights.params),
        (twin.non_trainable_weights, weights.state),
    ):
        for variable, value in zip(variables, values.values(), strict=True):
            variable.assign(jnp.array(value, copy=True))  # Keras donates its variables
    return twin


def same(a, b):
    return all(map(np.array_equal, jax.tree.leaves(a), jax.tree.leaves(b)))


def test_output_is_that_of_keras_predict():
    model = fm.Model.from_keras(normalized, CROSSENTROPY)
    weights = model.init(KEY, X)
    output, state = model.apply(*weights, X, None, False)
    np.testing.assert_allclose(
        output, keras_twin(normalized, weights).predict(X, verbose=0), atol=1e-5
    )
    assert same(state, weights.state)


def test_train_step_equals_keras_fit_with_moving_statistics_and_regulariser():
    def build():
        return keras.Sequential(
            [
                L.Dense(5, kernel_regularizer=keras.regularizers.L2(0.1)),
                L.BatchNormalization(),
                L.Dense(3),
            ]
        )

    model = fm.Model.from_keras(build, CROSSENTROPY)
    weights = model.init(KEY, X)

    def objective(params):
        output, state = model.apply(params, weights.state, X, KEY, True)
        return jnp.mean(model.loss(output, Y)) + model.penalty(params), state

    gradient, state = jax.jit(jax.grad(objective, has_aux=True))(weights.params)
    params = jax.tree.map(lambda w, g: w - 0.1 * g, weights.params, gradient)

    twin = keras_twin(build, weights)
    twin.compile(keras.optimizers.SGD(0.1), CROSSENTROPY)
    twin.fit(X, Y, batch_size=6, epochs=1, verbose=0)
    expected = twin.trainable_weights + twin.non_trainable_weights
    found = [params[n] for n in weights.params] + [state[n] for n in weights.state]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-5)
    assert not same(state, weights.state)


def test_init_is_a_function_of_the_key_and_leaves_random_states_alone():
    model = fm.Model.from_keras(dense, CROSSENTROPY)
    random.seed(7)
    np.random.seed(7)
    expected = random.random(), np.random.rand()
    random.seed(7)
    np.random.seed(7)
    first = model.init(KEY, X)
    assert (random.random(), np.random.rand()) == expected
    assert same(first, model.init(KEY, X))
    assert same(first, fm.Model.from_keras(dense, CROSSENTROPY).init(KEY, X))
    assert not same(first, model.init(jax.random.key(1), X))


def test_init_seeds_unseeded_keras_random_and_restores_its_generator():
    def noise(shape, dtype=None):
        return keras.random.normal(shape, dtype=dtype)

    model = fm.Model.from_keras(
        lambda: keras.Sequential([L.Dense(3, kernel_initializer=noise)]), CROSSENTROPY
    )
    keras.utils.set_random_seed(3)
    expected = [np.asarray(keras.random.normal((2,))) for _ in range(2)]
    keras.utils.set_random_seed(3)
    before = keras.random.normal((2,))
    assert same(model.init(KEY, X), model.init(KEY, X))
    assert same([before, keras.random.normal((2,))], expected)


def test_weights_that_build_loads_are_kept():
    pretrained = [np.full((4, 3), 0.25, np.float32), np.arange(3, dtype=np.float32)]

    def build():
        model = keras.Sequential([L.Input((4,)), L.Dense(3)])
        model.set_weights(pretrained)
        return model

    weights = fm.Model.from_keras(build, CROSSENTROPY).init(KEY, X)
    assert same(list(weights.params.values()), pretrained)


def test_weights_are_copies_that_may_be_donated():
    model = fm.Model.from_keras(dropped_dense, CROSSENTROPY)
    weights = model.init(KEY, X)
    again = model.init(KEY, X)
    jax.jit(lambda w: jax.tree.map(lambda a: a + 1, w), donate_argnums=0)(weights)
    output, _ = model.apply(*again, X, None, False)
    assert np.isfinite(output).all()


def dropped_dense():
    return keras.Sequential([L.Dense(3), L.Dropout(0.5)])


def test_dropout_is_a_function_of_the_key_different_per_layer():
    model = fm.Model.from_keras(dropped, keras.losses.MeanSquaredError())
    ones = jnp.ones((1, 4000))
    weights = model.init(KEY, ones)
    assert weights == ({}, {})

    def run(seed):
        return model.apply({}, {}, ones, jax.random.key(seed), True)[0]

    assert same(run(1), run(1)) and not same(run(1), run(2))
    # One mask twice would keep half of the inputs, two independent masks a quarter.
    assert abs(float(jnp.mean(run(1) > 0)) - 0.25) < 0.03
    assert same(model.apply({}, {}, ones, KEY, False)[0], ones)
    assert same(model.apply({}, {}, ones, None, False)[0], ones)
    with pytest.raises(ModelError, match="needs a key"):
        model.apply({}, {}, ones, None, True)


def test_vmap_and_scan_equal_a_loop_without_a_build_before():
    def build():
        return keras.Sequential([L.Dense(3), L.BatchNormalization(), L.Dropout(0.5)])

    weights = fm.Model.from_keras(build, CROSSENTROPY).init(KEY, X)
    xs = jnp.stack([X, 2 * X, X - 1])
    keys = jax.random.split(KEY, 3)

    def step(model):
        return lambda x, key: model.apply(*weights, x, key, True)

    looped = list(map(jax.jit(step(fm.Model.from_keras(build, CROSSENTROPY))), xs, keys))
    expected = jax.tree.map(lambda *a: jnp.stack(a), *looped)
    mapped = jax.jit(jax.vmap(step(fm.Model.from_keras(build, CROSSENTROPY))))(xs, keys)
    new = step(fm.Model.from_keras(build, CROSSENTROPY))
    _, scanned = jax.lax.scan(lambda carry, at: (carry, new(*at)), None, (xs, keys))
    for found in (mapped, scanned):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected)


def test_gradient_traces_before_a_concrete_build():
    weights = fm.Model.from_keras(dense, CROSSENTROPY).init(KEY, X)
    new = fm.Model.from_keras(dense, CROSSENTROPY)
    gradient = jax.grad(lambda p: jnp.mean(new.loss(new.apply(p, {}, X, None, True)[0], Y)))
    assert set(jax.jit(gradient)(weights.params)) == set(weights.params)


def test_training_reaches_layers_of_a_model_whose_call_has_no_training_argument():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.drop = L.Dropout(0.5)

        def call(self, x):
            return self.drop(x)

    model = fm.Model.from_keras(Net, keras.losses.MeanSquaredError())
    assert not np.all(model.apply({}, {}, jnp.ones((1, 100)), KEY, True)[0])
    assert model.describe(jnp.ones((1, 100))).output_activation is None


def test_frozen_layers_are_state_and_stay_as_they_are():
    def build():
        return keras.Sequential([L.Dense(5, trainable=False), L.Dense(3)])

    model = fm.Model.from_keras(build, CROSSENTROPY)
    weights = model.init(KEY, X)
    assert [w.shape for w in weights.params.values()] == [(5, 3), (3,)]
    assert [w.shape for w in weights.state.values()] == [(4, 5), (5,)]
    assert same(model.apply(*weights, X, KEY, True)[1], weights.state)


def test_integer_inputs_and_dicts_of_inputs():
    def words():
        return keras.Sequential([L.Embedding(9, 3), L.GlobalAveragePooling1D()])

    ids = np.arange(12).reshape(2, 6)
    model = fm.Model.from_keras(words, CROSSENTROPY)
    weights = model.init(KEY, ids)
    assert model.apply(*weights, ids, None, False)[0].shape == (2, 3)

    def two():
        a, b = L.Input((4,), name="a"), L.Input((2,), name="b")
        return keras.Model({"a": a, "b": b}, L.Dense(3)(L.Concatenate()([a, b])))

    x = {"a": X, "b": X[:, :2]}
    model = fm.Model.from_keras(two, CROSSENTROPY)
    weights = model.init(KEY, x)
    assert model.apply(*weights, x, None, False)[0].shape == (6, 3)


def test_repeated_init_does_not_keep_models():
    front = KerasFront(lambda shape: dense(), CROSSENTROPY)
    first = front.init(KEY, X)

    def alive():
        gc.collect()
        return sum(isinstance(o, keras.Variable) for o in gc.get_objects())

    before = alive()
    for seed in range(3):
        front.init(jax.random.key(seed), X)
    assert alive() == before and len(front.built) == 1 and len(first.params) == 4


@pytest.mark.parametrize(
    "layer",
    [
        lambda: L.Dense(3, activity_regularizer="l2"),
        lambda: L.ActivityRegularization(l1=0.1),
    ],
)
def test_added_losses_are_refused(layer):
    model = fm.Model.from_keras(lambda: keras.Sequential([layer()]), CROSSENTROPY)
    weights = model.init(KEY, X)
    with pytest.raises(ModelError, match="kernel_regularizer"):
        model.apply(*weights, X, KEY, True)


def test_constrained_weights_are_refused():
    model = fm.Model.from_keras(
        lambda: keras.Sequential([L.Dense(3, kernel_constraint="non_neg")]), CROSSENTROPY
    )
    with pytest.raises(ModelError, match="kernel.*NonNeg"):
        model.init(KEY, X)


def test_model_instead_of_a_builder_and_a_builder_of_one_model_are_refused():
    net = dense()
    with pytest.raises(ModelError, match="write Model.from_keras"):
        fm.Model.from_keras(net, CROSSENTROPY)
    fm.Model.from_keras(lambda: net, CROSSENTROPY).init(KEY, X)
    with pytest.raises(ModelError, match="same Keras model"):
        fm.Model.from_keras(lambda: net, CROSSENTROPY).init(KEY, X)


def test_masked_output_is_refused():
    model = fm.Model.from_keras(
        lambda: keras.Sequential([L.Embedding(9, 4, mask_zero=True), L.Dense(3)]), CROSSENTROPY
    )
    ids = np.array([[1, 2, 0]])
    weights = model.init(KEY, ids)
    with pytest.raises(ModelError, match="ignore_class"):
        model.apply(*weights, ids, None, False)


def test_unfit_input_is_named():
    def build():
        return keras.Sequential([L.Input((8, 8, 1)), L.Flatten(), L.Dense(3)])

    with pytest.raises(ModelError, match=r"\[batch, 4\] \(float32\).*8, 8, 1"):
        fm.Model.from_keras(build, CROSSENTROPY).init(KEY, X)
    with pytest.raises(ModelError, match="batch axis"):
        fm.Model.from_keras(build, CROSSENTROPY).init(KEY, 1.0)
    with pytest.raises(ModelError, match=r"must return a keras\.Model, but returned int"):
        fm.Model.from_keras(lambda: 3, CROSSENTROPY).init(KEY, X)  # pyright: ignore


def test_weights_of_another_model_are_refused():
    model = fm.Model.from_keras(dense, CROSSENTROPY)
    params, state = model.init(KEY, X)
    with pytest.raises(ModelError, match="another model.*'extra'"):
        model.apply({**params, "extra": X}, state, X, None, False)
    with pytest.raises(ModelError, match=r"must have shape \(2, 5\).*has \(4, 5\)"):
        model.apply(params, state, X[:, :2], None, False)


def test_init_under_a_traced_key_is_refused():
    model = fm.Model.from_keras(dense, CROSSENTROPY)
    with pytest.raises(ModelError, match="concrete key"):
        jax.jit(lambda key: model.init(key, X))(KEY)
