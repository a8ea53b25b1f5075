"""Runs on raw examples: prepared inside the rounds, augmented in training alone."""

import json
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.errors import DataError, FedwhyError, ModelError, ParameterError
from fedwhy.simulation.checks import warn_of_misfits

ONE_LANE = fw.Engine(1, 1, "on")
SPARSE = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CATEGORICAL = keras.losses.CategoricalCrossentropy(from_logits=True)


@pytest.fixture
def clients(digits):
    return fw.partition(digits.train, fw.Dirichlet(1.0), clients=6, seed=0)


@dataclass(frozen=True)
class Watched:
    """Writes down what it is given; as a step of a preparation and as an augmentation."""

    seen: set[str]

    def inputs(self, x):
        self.seen.add(str(x.dtype))
        return x

    def __call__(self, key, x, y):
        self.seen.add(str(x.dtype))
        return x, y


def network(outputs=10):
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(outputs)])


def train(model, clients, augment=(), rounds=3, rate=0.1, engine=ONE_LANE, **options: Any):
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.sgd(rate), batch_size=16, augment=augment))
    options |= {"engine": engine, "progress": False}
    return fw.train(algorithm, clients, rounds=rounds, cohort=4, **options)


def as_bytes(data):
    """The digits as they were scanned, 0..16."""
    return replace(data, x=np.round(data.x * 16).astype(np.uint8))


def records(run, *names):
    return np.array([[record[name] for name in names] for record in run.history[1:]])


def test_bytes_scaled_in_the_round_train_as_numbers_do(clients, digits, tmp_path):
    seen: set[str] = set()
    preparation = fw.Preparation(Watched(seen), fw.prepare.Scale(16))
    model = fw.Model.from_keras(network, SPARSE)
    plain = train(model, clients, test=digits.test)
    run = train(
        model.prepared(preparation),
        as_bytes(clients),
        test=as_bytes(digits.test),
        callbacks=[fw.RunFolder(tmp_path / "r")],
    )
    assert seen == {"uint8"}
    names = ("train_loss", "test_loss", "test_accuracy", "update_norm_mean")
    np.testing.assert_allclose(records(run, *names), records(plain, *names), rtol=1e-5)
    raw, prepared = as_bytes(digits.test).x, digits.test.x
    np.testing.assert_allclose(run.predict(raw), plain.predict(prepared), atol=1e-4)
    stored = json.loads((tmp_path / "r" / "preparation.json").read_text())
    assert stored["steps"][1] == {"step": "Scale", "by": 16}
    served: Any = keras.saving.load_model(tmp_path / "r" / "model.keras")
    np.testing.assert_allclose(served(preparation.inputs(raw)), run.predict(raw), atol=1e-5)


def test_one_hot_labels_in_the_round_train_as_class_numbers_do(clients, digits, caplog):
    names = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    sparse = train(fw.Model.from_keras(network, SPARSE), clients, test=digits.test)
    preparation = fw.Preparation(fw.prepare.OneHot()).fit(clients)
    categorical = fw.Model.from_keras(network, CATEGORICAL).prepared(preparation)
    run = train(categorical, clients, test=digits.test)
    np.testing.assert_allclose(records(run, *names), records(sparse, *names), rtol=1e-5)
    warn_of_misfits(fw.Model.from_keras(network, "mse").prepared(preparation), clients)
    assert caplog.text == ""  # One-hot labels are no class numbers to measure distances of.


def test_resized_images_train_inside_the_round_as_outside(clients, softmax):
    preparation = fw.Preparation(fw.prepare.Resize(12, 12), fw.prepare.Standardise()).fit(clients)
    inside = train(softmax.prepared(preparation), clients)
    outside = train(softmax, preparation.apply(clients))
    np.testing.assert_allclose(
        *(records(run, "train_loss", "update_norm_mean") for run in (inside, outside)), rtol=1e-4
    )


def test_augmentation_changes_training_alone_and_sees_raw_examples(clients, digits):
    seen: set[str] = set()
    options = {"rate": 0.0, "test": as_bytes(digits.test), "test_clients": as_bytes(clients)}
    model = fw.Model.from_keras(network, SPARSE).prepared(fw.Preparation(fw.prepare.Scale(16)))
    plain = train(model, as_bytes(clients), **options)
    changed = train(model, as_bytes(clients), (fw.augment.RandomCrop(3), Watched(seen)), **options)
    names = ("test_loss", "clients_loss")
    np.testing.assert_array_equal(records(changed, *names), records(plain, *names))
    assert (np.abs(records(changed, "train_loss") - records(plain, "train_loss")) > 1e-3).all()
    assert seen == {"uint8"}


def test_augmented_run_is_the_same_whatever_the_lanes(clients, softmax):
    augment = (fw.augment.RandomCrop(1), fw.augment.GaussianNoise(0.1))
    one, two = (
        records(train(softmax, clients, augment, engine=engine), "train_loss", "update_norm_mean")
        for engine in (fw.Engine(1, 1, "off"), fw.Engine(2, 1, "off"))
    )
    np.testing.assert_allclose(two, one, rtol=1e-5)


def test_mixup_mixes_no_client_with_another():
    # Every example is its client's number one-hot, in x and y: mixing within a client keeps it so.
    clients, sizes = 5, np.array([3, 17, 16, 1, 30])
    owner = np.repeat(np.arange(clients), sizes)
    x = np.eye(clients, dtype=np.float32)[owner]
    data = fw.FederatedDataset.from_arrays(x, x, owner)
    model = fw.Model.from_functions(
        init=lambda key, example: {"w": jnp.zeros(())},
        apply=lambda params, x, key, train: x + 0 * params["w"],
        loss=lambda output, y: jnp.abs(output - y) + (output.max(-1, keepdims=True) < 0.999),
    )
    run = train(model, data, fw.augment.Mixup(1.0), engine=fw.Engine(3, 1, "off"))
    np.testing.assert_allclose(records(run, "train_loss"), 0, atol=1e-6)


def test_mixup_trains_with_labels_that_the_preparation_makes_one_hot(clients, digits):
    model = fw.Model.from_keras(network, CATEGORICAL)
    model = model.prepared(fw.Preparation(fw.prepare.OneHot(10)))
    run = train(model, clients, fw.augment.Mixup(0.4, classes=10), rounds=8, test=digits.test)
    assert records(run, "test_accuracy")[-1] > 0.5


def flat(data):
    return replace(data, x=data.x.reshape(len(data), -1))


REFUSED = {
    "flat images": (
        lambda model, data: train(model, flat(data), fw.augment.RandomFlip()),
        DataError,
        r"RandomFlip takes images .* but x is float32\[2,64\]",
    ),
    "labels that cannot be mixed": (
        lambda model, data: train(model, data, fw.augment.Mixup()),
        DataError,
        "Mixup mixes labels, which must be one-hot, but y is int32",
    ),
    "a loss of class numbers": (
        lambda model, data: train(model, data, fw.augment.Mixup(classes=10)),
        ModelError,
        "augmented examples of 'digits' do not fit the model",
    ),
    "another shape": (
        lambda model, data: train(model, data, lambda key, x, y: (x[:, 1:], y)),
        ModelError,
        r"it makes inputs float32\[2,8,8,1\] into float32\[2,7,8,1\]",
    ),
    "an augmentation that fails": (
        lambda model, data: train(model, data, lambda key, x, y: (x["image"], y)),
        ModelError,
        "augmented examples of 'digits' do not fit the model: ",
    ),
    "no augmentation": (
        lambda model, data: train(model, data, fw.augment.RandomFlip),
        FedwhyError,
        r"augment: expected augmentations such as RandomFlip\(\)",
    ),
    "a preparation without its mean": (
        lambda model, data: train(model.prepared(fw.Preparation(fw.prepare.Standardise())), data),
        FedwhyError,
        "Standardise has no mean and std yet",
    ),
    "images that the steps do not take": (
        lambda model, data: train(
            model.prepared(fw.Preparation(fw.prepare.Resize(4, 4))), flat(data)
        ),
        DataError,
        "Resize takes images",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_does_not_fit_is_refused_before_the_run(fault, softmax, clients):
    attempt, kind, message = REFUSED[fault]
    with pytest.raises(kind, match=message):
        attempt(softmax, clients)


def test_keys_of_augmentation_follow_from_round_client_and_step():
    # Each example holds one number; what an augmentation draws is what the model reports.
    def draw(key, x, y):
        return jax.random.uniform(key, x.shape), y

    data = fw.FederatedDataset.from_arrays(
        np.zeros((4, 1), np.float32), np.zeros(4, np.float32), np.arange(4) // 2
    )
    model = fw.Model.from_functions(
        init=lambda key, example: {"w": jnp.zeros(())},
        apply=lambda params, x, key, train: x[:, 0] + 0 * params["w"],
        loss=lambda output, y: output,
    )
    losses = set()
    for steps in (1, 2):
        local = fw.LocalSGD(optax.sgd(0.1), steps=steps, batch_size=2, augment=draw)
        run = fw.train(fw.fedavg(model, local), data, rounds=3, cohort=1, progress=False)
        losses |= {round(float(loss), 6) for loss in records(run, "train_loss").ravel()}
    assert len(losses) == 6


def with_label(clients, label):
    y = clients.y.copy()
    y[3] = label
    return replace(clients, y=y, classes=None)


@pytest.mark.parametrize("augment", [(), fw.augment.Mixup(0.2, 10)])
@pytest.mark.parametrize("label", [-1, 10])
def test_labels_that_cannot_be_made_one_hot_are_refused(clients, augment, label):
    preparation = fw.Preparation(fw.prepare.OneHot(10))
    model = fw.Model.from_keras(network, CATEGORICAL).prepared(preparation)
    with pytest.raises(DataError, match=f"label {label} is outside 0..9"):
        train(model, with_label(clients, label), augment)
    with pytest.raises(DataError, match=f"label {label} is outside 0..9"):
        preparation.apply(with_label(clients, label))


def test_one_hot_labels_are_of_the_classes_of_the_data(clients):
    preparation = fw.Preparation(fw.prepare.OneHot(11))
    with pytest.raises(DataError, match="OneHot makes .* of 11 classes, but the data has 10"):
        preparation.apply(clients)
    model = fw.Model.from_keras(network, CATEGORICAL)
    with pytest.raises(DataError, match="Mixup makes .* of 11 classes, but the data has 10"):
        train(
            model.prepared(fw.Preparation(fw.prepare.OneHot(10))),
            clients,
            fw.augment.Mixup(0.2, 11),
        )


def test_a_step_alone_is_no_preparation(softmax):
    with pytest.raises(ParameterError, match="preparation: expected a fw.Preparation of steps"):
        softmax.prepared(fw.prepare.Scale(255))
