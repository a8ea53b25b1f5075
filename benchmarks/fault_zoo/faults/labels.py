"""Faults of labels (FW109 to FW112)."""

import numpy as np

import fedwhy as fw
from fault_zoo.fault import fault
from fault_zoo.patches import classes_of, random, tested, with_labels, with_last, with_layers
from fedwhy.diagnosis import Setup

PLACES = ("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-mild", "digits-cnn-iid")


@fault("FW109", where=(*PLACES, "heart-softmax"), strengths=(0.02, 0.3))
def labels_out_of_range(setup: Setup, strength: float) -> Setup:
    """A share of the clients' labels is a class that there is not."""
    clients = setup.clients
    wrong = random(setup).random(len(clients)) < strength
    y = np.where(wrong, classes_of(setup), clients.y).astype(clients.y.dtype)
    return setup.changed(clients=fw.FederatedDataset(**{**fields_of(clients), "y": y}))


def fields_of(clients: fw.FederatedDataset) -> dict:
    """The fields of a dataset, as arguments of a new one."""
    names = ("x", "y", "offsets", "ids", "name", "classes", "task")
    return {name: getattr(clients, name) for name in names}


@fault("FW110", where=PLACES, seeds=2)
def labels_shifted(setup: Setup, strength: float) -> Setup:
    """Clients count classes from 1, the test set from 0; the model has an output to spare."""
    classes = classes_of(setup) + 1
    wider = with_layers(setup, lambda layers: with_last(layers, units=classes))
    test = tested(setup)
    shifted = with_labels(wider, lambda y: y + np.asarray(1, y.dtype), classes=classes)
    return shifted.changed(test=fw.Dataset(test.x, test.y, test.name, classes, test.task))


@fault("FW110", "FW109", where=(*PLACES, "digits-own-iid"))
def labels_from_one(setup: Setup, strength: float) -> Setup:
    """Classes are counted from 1 everywhere, and the model has no output for the last."""
    return with_labels(setup, lambda y: y + np.asarray(1, y.dtype), classes=None)


@fault("FW111", where=(*PLACES, "heart-softmax"), strengths=(1, 2))
def one_hot_labels(setup: Setup, strength: float) -> Setup:
    """Labels are rows of zeros and a one, and the loss takes class numbers."""
    dtype = np.float32 if strength == 1 else np.int32
    return with_labels(setup, lambda y: np.eye(classes_of(setup), dtype=dtype)[y], classes=None)


@fault(
    "FW112",
    "FW602",  # Wrong labels at some clients, by accident or not.
    where=("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-iid", "heart-softmax"),
    strengths=(0.7, 0.95),
)
def label_noise(setup: Setup, strength: float) -> Setup:
    """Three quarters of the clients have a share of wrong labels."""
    noise = fw.shifts.LabelNoise(strength, clients=0.75)
    return setup.changed(clients=fw.shift(setup.clients, noise, seed=setup.seed))


FAULTS = (labels_out_of_range, labels_shifted, labels_from_one, one_hot_labels, label_noise)
