"""Keras losses and metrics, example by example, against Keras itself and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.metrics import roc_auc_score

import fedwhy.models as fm
from fedwhy.errors import ModelError
from fedwhy.models.keras_backend import use_keras

keras = use_keras()

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(40, 3)).astype(np.float32)
CLASSES = RNG.integers(0, 3, 40)
SCORES = RNG.uniform(size=40).astype(np.float32)
LABELS = (SCORES + RNG.normal(scale=0.4, size=40) > 0.5).astype(np.int32)
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def model(loss=SPARSE, metrics=()):
    return fm.Model.from_keras(lambda: keras.Sequential([keras.layers.Dense(3)]), loss, metrics)


def score(metric, output, y):
    """Over two halves, as two clients would."""
    measure, middle = jax.jit(metric.measure), len(y) // 2
    halves = [measure(output[:middle], y[:middle]), measure(output[middle:], y[middle:])]
    totals = [jax.tree.map(lambda a: jnp.sum(a, 0), half) for half in halves]
    total = jax.tree.map(lambda *a: sum(a), metric.zero, *totals)
    found = jax.jit(metric.finalize)(total, jnp.float32(len(y)))
    assert found.shape == () and found.dtype == jnp.float32
    return float(found)


def test_sparse_crossentropy_equals_optax():
    expected = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(LOGITS), CLASSES)
    np.testing.assert_allclose(model().loss(LOGITS, CLASSES), expected, rtol=1e-5, atol=1e-6)
    assert model().classes_from_output


@pytest.mark.parametrize(
    ("loss", "output", "y"),
    [
        (keras.losses.MeanSquaredError(), LOGITS, LOGITS[::-1]),
        (keras.losses.MeanSquaredError(), SCORES[:, None], LABELS),
        (keras.losses.Huber(), LOGITS, CLASSES[:, None]),
        (keras.losses.BinaryCrossentropy(), SCORES[:, None], LABELS),
        (keras.losses.BinaryCrossentropy(from_logits=True), LOGITS[:, :1], LABELS.astype(np.uint8)),
        (keras.losses.CategoricalCrossentropy(from_logits=True), LOGITS, np.eye(3)[CLASSES]),
        (SPARSE, LOGITS.reshape(8, 5, 3), CLASSES.reshape(8, 5)),
        (SPARSE, LOGITS, CLASSES[:, None]),
    ],
)
def test_mean_of_losses_equals_keras(loss, output, y):
    values = model(loss).loss(output, y)
    assert values.shape == (len(y),) and values.dtype == jnp.float32
    np.testing.assert_allclose(jnp.mean(values), loss(y, output), rtol=1e-5)


def test_ignored_classes_do_not_count():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=0)
    output, y = LOGITS[:4].reshape(2, 2, 3), np.array([[1, 0], [0, 0]])
    expected = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(LOGITS[0]), 1)
    for score in (model(loss).loss, jax.jit(model(loss).loss)):
        np.testing.assert_allclose(score(output, y), jnp.array([expected, 0]), rtol=1e-6)
    right = model(loss).metrics["accuracy"].measure(jnp.asarray(output), y)
    np.testing.assert_array_equal(right, np.array([LOGITS[0].argmax() == 1, 0]))


@pytest.mark.parametrize("name", ["mse", "mean_squared_error", "MeanSquaredError"])
def test_losses_by_name(name):
    np.testing.assert_allclose(
        model(name).loss(LOGITS, 0 * LOGITS), np.mean(LOGITS**2, axis=1), rtol=1e-6
    )
    assert not model(name).metrics and not model(name).classes_from_output


def test_reduced_losses_are_refused():
    class Reduced(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred))

    with pytest.raises(ModelError, match="each of the batch's 40 examples"):
        model(Reduced()).loss(LOGITS, LOGITS)


def test_losses_may_be_functions_as_in_keras():
    def absolute(y, output):
        return keras.ops.mean(keras.ops.abs(y - output), axis=-1)

    found = model(absolute)
    np.testing.assert_allclose(found.loss(SCORES[:, None], LABELS), np.abs(SCORES - LABELS))
    assert model("kld").describe(LOGITS).loss == "kl_divergence"


def test_loss_that_compares_every_example_with_every_other_is_refused():
    class Squared(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true - y_pred) ** 2

    for batch in (1, 2, 40):
        with pytest.raises(ModelError, match="the same shape"):
            model(Squared()).loss(SCORES[:batch, None], SCORES[:batch])
    assert model(Squared()).loss(LOGITS[:3], LOGITS[:3]).shape == (3,)


@pytest.mark.parametrize("loss", ["mean_sqared_error", 3, None])
def test_other_losses_are_refused(loss):
    with pytest.raises(ModelError, match=r"keras\.losses"):
        model(loss)


@pytest.mark.parametrize(
    ("loss", "metric", "output", "y"),
    [
        (SPARSE, keras.metrics.SparseCategoricalAccuracy(), LOGITS, CLASSES),
        (
            SPARSE,
            keras.metrics.SparseCategoricalAccuracy(),
            LOGITS.reshape(20, 2, 3),
            CLASSES.reshape(20, 2),
        ),
        (SPARSE, keras.metrics.SparseCategoricalAccuracy(), LOGITS, CLASSES[:, None]),
        (
            keras.losses.CategoricalCrossentropy(),
            keras.metrics.CategoricalAccuracy(),
            LOGITS,
            np.eye(3)[CLASSES],
        ),
        (
            keras.losses.BinaryCrossentropy(),
            keras.metrics.BinaryAccuracy(),
            SCORES[:, None],
            LABELS,
        ),
        (
            keras.losses.BinaryCrossentropy(from_logits=True),
            keras.metrics.BinaryAccuracy(threshold=0),
            LOGITS[:, :1],
            LABELS[:, None],
        ),
    ],
)
def test_default_accuracy_equals_keras(loss, metric, output, y):
    metric.reset_state()
    metric.update_state(y if y.ndim > 1 else y.reshape(-1, *[1] * (output.ndim - 1)), output)
    found = score(model(loss).metrics["accuracy"], jnp.asarray(output), y)
    assert found == pytest.approx(float(metric.result()), abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "output", "y"),
    [
        (keras.metrics.SparseCategoricalAccuracy(), LOGITS, CLASSES),
        (keras.metrics.SparseTopKCategoricalAccuracy(2), LOGITS, CLASSES),
        (keras.metrics.RootMeanSquaredError(), LOGITS, LOGITS[::-1]),
        (keras.metrics.AUC(num_thresholds=50), SCORES, LABELS),
        (keras.metrics.Precision(), SCORES, LABELS),
        (keras.metrics.Recall(thresholds=0.3), SCORES, LABELS),
    ],
)
def test_metric_over_two_halves_equals_keras(metric, output, y):
    found = score(next(iter(model(metrics=[metric]).metrics.values())), output, y)
    metric.reset_state()
    metric.update_state(y, output)
    assert found == pytest.approx(float(metric.result()), abs=1e-5)


def test_auc_approaches_that_of_scikit_learn():
    metric = model(metrics=[keras.metrics.AUC(num_thresholds=1000)]).metrics["auc"]
    assert score(metric, SCORES, LABELS) == pytest.approx(roc_auc_score(LABELS, SCORES), abs=5e-3)


def test_metrics_have_steady_names():
    def found():
        two = [keras.metrics.AUC(), keras.metrics.AUC(), keras.metrics.Recall(name="mine_3")]
        return list(model("mse", two).metrics)

    assert found() == found() == ["auc", "auc_1", "mine_3"]


def test_accuracy_is_always_among_the_metrics_where_the_loss_has_classes():
    top = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    assert list(model(metrics=[top]).metrics) == ["top2", "accuracy"]
    assert list(model(metrics=["accuracy"]).metrics) == ["accuracy"]


def test_metrics_may_be_names_and_functions_as_in_keras():
    def error(y, output):
        return keras.ops.mean(keras.ops.abs(y - output), axis=-1)

    found = model("mse", ["mae", error]).metrics
    for name in found:
        expected = np.abs(LOGITS - LOGITS[::-1]).mean()
        assert score(found[name], LOGITS, LOGITS[::-1]) == pytest.approx(expected, rel=1e-5)
    assert "error" in found


def test_metrics_that_are_no_sum_are_refused():
    class Running(keras.metrics.Metric):
        def __init__(self, start, aggregation):
            super().__init__(name="running")
            self.best = self.add_variable((), start, aggregation=aggregation)

        def result(self):
            return self.best.value

    for metric in (Running("ones", "sum"), Running("zeros", "mean")):
        with pytest.raises(ModelError, match="not a sum over examples"):
            model(metrics=[metric])
    with pytest.raises(ModelError, match="not a Keras metric"):
        model(metrics=["acuracy"])
    with pytest.raises(ModelError, match="expected a list"):
        model(metrics=keras.metrics.AUC())
    with pytest.raises(ModelError, match="crossentropy losses only"):
        model("mse", ["accuracy"])
    with pytest.raises(ModelError, match="r2_score"):
        model("mse", [keras.metrics.R2Score()])
    with pytest.raises(ModelError, match="one number"):
        model(metrics=[keras.metrics.Precision(thresholds=[0.2, 0.5])])
    f1 = keras.metrics.F1Score(average="macro")
    with pytest.raises(ModelError, match="first sees examples"):
        model(metrics=[f1])
    f1.update_state(np.zeros((1, 3)), np.zeros((1, 3)))
    f1.reset_state()
    y = np.eye(3, dtype=np.float32)[CLASSES]
    found = score(model(metrics=[f1]).metrics["f1_score"], jax.nn.softmax(LOGITS), y)
    f1.update_state(y, jax.nn.softmax(LOGITS))
    assert found == pytest.approx(float(f1.result()), abs=1e-5)
