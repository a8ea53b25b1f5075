"""Faults of who holds which examples, and of their inputs (FW1xx)."""

from dataclasses import replace

import numpy as np

import fedwhy as fw
from fault_zoo.fault import fault
from fault_zoo.patches import (
    classes_of,
    owned_by,
    random,
    regrouped,
    some_clients,
    tested,
    with_clients,
    with_inputs,
)
from fedwhy.diagnosis import Setup

SKEWED = ("digits-softmax-strong", "digits-mlp-strong", "mnist-mlp-strong")
EVEN = ("digits-softmax-iid", "digits-mlp-iid", "mnist-mlp-iid")
UNEQUAL = ("digits-softmax-quantity", "digits-mlp-quantity", "digits-softmax-lognormal")
MIXED = ("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-mild")


@fault(
    "FW101",
    "FW303",  # Drift is what label skew does: neither harms without the other.
    where=("digits-mlp-iid", "mnist-mlp-iid", "digits-softmax-large-batch", "digits-own-iid"),
    strengths=(1, 2),
)
def label_skew(setup: Setup, strength: float) -> Setup:
    """Clients hold one or two classes each."""
    clients = setup.clients
    dealt = fw.partition(
        clients.pooled(), fw.Shards(int(strength)), clients=clients.clients, seed=setup.seed
    )
    return setup.changed(clients=dealt)


@fault("FW102", where=(*MIXED, "digits-cnn-iid"), strengths=(2, 4), hopeless=(2, 4))
def missing_classes(setup: Setup, strength: float) -> Setup:
    """So many classes of the test set are held by no client."""
    missing = random(setup).permutation(classes_of(setup))[: int(strength)]
    return with_clients(setup, setup.clients.filter(~np.isin(setup.clients.y, missing)))


@fault("FW103", "FW406", where=EVEN, strengths=(4, 10), hopeless=(4, 10))
def quantity_skew(setup: Setup, strength: float) -> Setup:
    """One client holds all of four classes, the others so many examples each of the rest."""
    clients, rng = setup.clients, random(setup)
    large = rng.permutation(10)[:4]
    rows = np.flatnonzero(np.isin(clients.y, large))
    others = rng.permutation(np.flatnonzero(~np.isin(clients.y, large)))
    others = others[: int(strength) * (clients.clients - 1)]
    owner = np.concatenate([np.zeros(len(rows), int), 1 + np.arange(len(others)) // int(strength)])
    return with_clients(setup, regrouped(clients, np.concatenate([rows, others]), owner))


@fault("FW104", where=MIXED, strengths=(2, 5))
def feature_shift(setup: Setup, strength: float) -> Setup:
    """Every client's device adds a pattern of its own."""
    clients = setup.clients
    patterns = random(setup).normal(0, strength, (clients.clients, *clients.x.shape[1:]))
    return with_inputs(setup, lambda x: x + patterns[clients.owner], test=False)


@fault("FW104", where=("digits-softmax-mild", "mnist-softmax-iid"), strengths=(2, 4))
def turned_cameras(setup: Setup, strength: float) -> Setup:
    """Clients' images are turned by right angles, two or four ways; only the first is tested."""
    by = fw.shifts.Rotation(180.0 if strength == 2 else 90.0, clusters=int(strength))
    return setup.changed(clients=fw.shift(setup.clients, by))


@fault(
    "FW105",
    "FW310",  # To see sorted examples in their order is one fault, told from either end.
    where=("digits-mlp-iid", "digits-mlp-mild", "momentum", "mnist-mlp-iid"),
)
def sorted_examples(setup: Setup, strength: float) -> Setup:
    """Clients' examples are sorted by label, and no one shuffles them."""
    return in_order_of_labels(setup).with_local(shuffle=False)


def in_order_of_labels(setup: Setup) -> Setup:
    """The run in which every client's examples are sorted by label."""
    clients = setup.clients
    rows = np.lexsort((clients.y, clients.owner))
    return setup.changed(clients=regrouped(clients, rows, clients.owner))


@fault(
    "FW106",
    where=("digits-mlp-mild", "mnist-mlp-mild", "digits-cnn-mild", "momentum"),
    strengths=(30, 255),
)
def unscaled_inputs(setup: Setup, strength: float) -> Setup:
    """Inputs are as large as bytes."""
    return with_inputs(setup, lambda x: x * strength)


@fault("FW107", where=("digits-softmax-strong", "digits-mlp-two", "mnist-mlp-strong"))
def standardised_per_client(setup: Setup, strength: float) -> Setup:
    """Every client standardises its inputs by its own mean and deviation; so does the test set."""
    clients = setup.clients

    def alone(x: np.ndarray) -> np.ndarray:
        return (x - x.mean(axis=0)) / (x.std(axis=0) + 0.1)

    parts = [
        alone(clients.x[a:b]) for a, b in zip(clients.offsets, clients.offsets[1:], strict=False)
    ]
    own = replace(clients, x=np.concatenate(parts).astype(np.float32))
    test = replace(tested(setup), x=alone(tested(setup).x).astype(np.float32))
    return setup.changed(clients=own, test=test)


@fault("FW108", where=(*MIXED, "heart-mlp"), strengths=(1, 2))
def test_prepared_differently(setup: Setup, strength: float) -> Setup:
    """The test set alone is inverted, or standardised and shifted by two deviations."""
    x = tested(setup).x
    other = x.max() - x if strength == 1 else (x - x.mean()) / x.std() * 3 - 2
    return setup.changed(test=replace(tested(setup), x=other.astype(x.dtype)))


@fault(
    "FW113",
    where=("digits-softmax-iid", "digits-mlp-mild", "mnist-mlp-mild"),
    strengths=(1, 3),
    hopeless=(1, 3),
)
def tiny_clients(setup: Setup, strength: float) -> Setup:
    """Clients hold one or three examples each."""
    return setup.changed(clients=setup.clients.take(int(strength)))


@fault("FW114", where=UNEQUAL)
def dropped_examples(setup: Setup, strength: float) -> Setup:
    """Only full batches count, and all clients but the largest are smaller than one."""
    largest = np.sort(setup.clients.sizes)[-1]
    return setup.with_local(batch_size=int(largest), drop_last=True)


@fault("FW114", where=("digits-mlp-iid", "small-clients"), strengths=(0.6, 0.95))
def large_batches(setup: Setup, strength: float) -> Setup:
    """Only full batches count, and at most clients the larger part of the examples fills none."""
    size = int(np.quantile(setup.clients.sizes, strength))
    return setup.with_local(batch_size=max(size, 2), drop_last=True)


@fault("FW115", where=MIXED, strengths=(0.3, 0.8), shows=False)
def duplicates_across_clients(setup: Setup, strength: float) -> Setup:
    """A share of every client's examples are copies of the same ones."""
    clients, rng = setup.clients, random(setup)
    shared = rng.permutation(len(clients))[: int(strength * clients.sizes.mean())]
    rows, owners = [], []
    for client in range(clients.clients):
        own = np.arange(clients.offsets[client], clients.offsets[client + 1])
        keep = own[: max(1, round((1 - strength) * len(own)))]
        rows.append(np.concatenate([keep, shared]))
        owners.append(np.full(len(rows[-1]), client))
    dealt = regrouped(clients, np.concatenate(rows), np.concatenate(owners))
    return setup.changed(clients=replace(dealt, origin=None))


@fault("FW116", where=MIXED, strengths=(0.2, 0.7), shows=False)
def test_in_training(setup: Setup, strength: float) -> Setup:
    """A share of the test set is among the clients' examples."""
    clients, test = setup.clients, tested(setup)
    count = int(strength * len(test))
    rows = random(setup).permutation(len(clients))[:count]
    x = np.concatenate([test.x[count:], clients.x[rows]])
    y = np.concatenate([test.y[count:], clients.y[rows]])
    return setup.changed(test=replace(test, x=x, y=y))


@fault("FW117", where=(*MIXED, "heart-mlp"), strengths=(0.85, 0.95), hopeless=(0.85, 0.95))
def constant_features(setup: Setup, strength: float) -> Setup:
    """A share of the features is the same number everywhere."""
    features = setup.clients.x[0].size
    dead = random(setup).permutation(features)[: int(strength * features)]

    def change(x: np.ndarray) -> np.ndarray:
        flat = x.reshape(len(x), -1).copy()
        flat[:, dead] = 0.5
        return flat.reshape(x.shape)

    return with_inputs(setup, change)


@fault("FW118", where=(*MIXED, "heart-softmax"), strengths=(0.01, 0.2), shows=False)
def inputs_not_finite(setup: Setup, strength: float) -> Setup:
    """A share of one client's examples has a value that is missing."""
    theirs = owned_by(setup.clients, some_clients(setup, 1))
    x = setup.clients.x.copy()
    rows = np.flatnonzero(theirs)[: max(1, int(strength * theirs.sum()))]
    x.reshape(len(x), -1)[rows, 3] = np.nan
    return setup.changed(clients=replace(setup.clients, x=x))


FAULTS = (
    label_skew,
    missing_classes,
    quantity_skew,
    feature_shift,
    turned_cameras,
    sorted_examples,
    unscaled_inputs,
    standardised_per_client,
    test_prepared_differently,
    tiny_clients,
    dropped_examples,
    large_batches,
    duplicates_across_clients,
    test_in_training,
    constant_features,
    inputs_not_finite,
)
