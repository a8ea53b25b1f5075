"""Faults of evaluation (FW5xx)."""

from dataclasses import replace

import jax
import numpy as np

from fault_zoo import home_made
from fault_zoo.fault import fault
from fault_zoo.patches import (
    classes_of,
    owned_by,
    random,
    scaled_steps,
    some_clients,
    tested,
    with_clients,
)
from fedwhy.diagnosis import Setup
from fedwhy.models.model import mean_metric

PLACES = ("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-mild")


@fault("FW501", where=(*PLACES, "digits-own-mild"), strengths=(1, 2), shows=False)
def metric_does_not_fit(setup: Setup, strength: float) -> Setup:
    """Accuracy is that of rounded numbers, or of single outputs."""
    score = home_made.accuracy_by_rounding if strength == 1 else home_made.accuracy_by_element
    return setup.changed(model=replace(setup.model, metrics={"accuracy": mean_metric(score)}))


@fault("FW502", where=PLACES, strengths=(0.9, 0.97), shows=False)
def base_rate_accuracy(setup: Setup, strength: float) -> Setup:
    """Nearly all examples are of one class, and the rate is low."""

    def kept(y: np.ndarray) -> np.ndarray:
        own = y == 0
        others = np.flatnonzero(~own)
        count = max(3, int(own.sum() * (1 - strength) / strength))
        own[random(setup).permutation(others)[:count]] = True
        return own

    test = tested(setup)
    rows = kept(test.y)
    smaller = with_clients(setup, setup.clients.filter(kept(setup.clients.y)))
    smaller = smaller.changed(test=replace(test, x=test.x[rows], y=test.y[rows]))
    return scaled_steps(smaller, 0.02)


@fault("FW503", where=(*PLACES, "heart-mlp"), strengths=(1, 2), hopeless=(1,))
def test_labels_permuted(setup: Setup, strength: float) -> Setup:
    """The test set's labels stand at other examples, or count classes in another order."""
    test, rng = tested(setup), random(setup)
    classes = classes_of(setup)
    other = rng.permutation(test.y) if strength == 1 else (test.y + 1 + classes // 3) % classes
    return setup.changed(test=replace(test, y=other.astype(test.y.dtype)))


@fault("FW504", where=("dropout-half", "dropout-deep", "batch-norm", "batch-norm-mild"), seeds=2)
def mode_confused(setup: Setup, strength: float) -> Setup:
    """The model is always in training mode."""
    inner = setup.model.apply

    def apply(params, state, x, key, train):
        return inner(params, state, x, jax.random.key(0) if key is None else key, True)

    return setup.changed(model=replace(setup.model, apply=apply))


@fault(
    "FW505",
    "FW104",  # What hides behind the mean is two clients with other inputs.
    "FW606",
    where=("digits-mlp-half", "mnist-mlp-half"),
    strengths=(1, 2),
    shows=False,
)
def hidden_clients(setup: Setup, strength: float) -> Setup:
    """Some of the clients have their images turned, and each client is tested on its own."""
    turned = some_clients(setup, 2 * strength)
    clients = setup.clients
    x = clients.x.copy()
    theirs = owned_by(clients, turned)
    x[theirs] = np.rot90(x[theirs], axes=(1, 2))
    train, test = replace(clients, x=x).split(test=0.25, seed=setup.seed)
    return setup.changed(clients=train, test=None, test_clients=test)


FAULTS = (
    metric_does_not_fit,
    base_rate_accuracy,
    test_labels_permuted,
    mode_confused,
    hidden_clients,
)
