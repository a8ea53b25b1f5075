"""What is refused or warned of before a round runs."""

import re
from dataclasses import replace

import keras
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.errors import DataError, ModelError
from fedwhy.models import Metric, Model
from fedwhy.tracking import read_record

SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def train(model, clients, **options):
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.sgd(0.1), batch_size=32))
    return fw.train(algorithm, clients, rounds=1, cohort=1, progress=False, **options)


def numbers(y, x=None):
    x = np.linspace(0, 1, 4 * len(y), dtype=np.float32).reshape(-1, 4) if x is None else x
    return fw.FederatedDataset.from_arrays(x, y, np.arange(len(y)) % 2)


def network(loss, outputs=1, metrics=(), **options):
    def build():
        return keras.Sequential([keras.layers.Dense(outputs, **options)])

    return Model.from_keras(build, loss, metrics)


@pytest.mark.parametrize("label", [10, -1])
def test_labels_are_checked_against_the_outputs_where_classes_are_not_given(softmax, label):
    y = np.arange(12) % 10
    y[7] = label
    with pytest.raises(DataError, match=f"client 1, example 3 .*label {label} is outside 0..9"):
        train(softmax, numbers(y))


def test_loss_of_one_example_must_not_depend_on_the_others():
    class Squared(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.mean((y_true - y_pred) ** 2, axis=-1)

    y = np.linspace(0, 1, 8, dtype=np.float32)
    with pytest.raises(ModelError, match="same shape"):
        train(network(Squared()), numbers(y))
    assert np.isfinite(train(network(Squared()), numbers(y[:, None])).history[1]["train_loss"])


def test_metrics_are_measured_before_the_run(softmax):
    y = np.arange(12) % 3
    with pytest.raises(ModelError, match='metric "auc" cannot be measured'):
        train(network(SPARSE, 3, [keras.metrics.AUC()]), numbers(y))
    wrong = Metric(lambda output, y: output, lambda total, count: total)
    with pytest.raises(ModelError, match='metric "wrong" must measure'):
        train(replace(softmax, metrics={"wrong": wrong}), numbers(y))


def test_ignored_class_is_left_out_of_checks_and_recall(tmp_path):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    clients = replace(numbers(np.array([0, 1, 2, -1, 0, 1, 2, -1])), classes=3)
    folder = fw.RunFolder(tmp_path / "r")
    train(network(loss, 3), clients, test=clients.pooled(), callbacks=[folder])
    record = read_record(tmp_path / "r")
    assert record["recall"]["support"] == [2, 2, 2]
    assert np.sum(record["partition"]["label_counts"]) == 6


@pytest.mark.parametrize(
    ("model", "warning"),
    [
        (network(SPARSE, 3, activation="softmax"), "ends in softmax, but its loss .* takes logits"),
        (network("sparse_categorical_crossentropy", 3), "takes probabilities"),
        (network("mse"), "measures distances between numbers, but 'data' has 3 classes"),
        (network(SPARSE, 3), None),
    ],
)
def test_model_that_hardly_fits_is_warned_of(model, warning, caplog):
    y = np.arange(12) % 3
    train(model, replace(numbers(y[:, None]), classes=3))
    assert len(caplog.records) == (warning is not None)
    assert re.search(warning or "^$", caplog.text)


def test_predict_refuses_what_train_refuses(softmax):
    run = train(softmax, numbers(np.arange(12) % 10))
    x = np.ones((3, 4))
    assert run.predict(x).shape == (3, 10)
    with pytest.raises(DataError, match="predict holds no examples"):
        run.predict(x[:0])
    x[2, 1] = 1e300
    with pytest.raises(DataError, match="predict, example 2: x holds 1e.300, which JAX cannot"):
        run.predict(x)
