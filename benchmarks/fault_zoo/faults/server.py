"""Faults of aggregation, of the server and of who takes part (FW4xx)."""

import numpy as np
import optax

import fedwhy as fw
from fault_zoo import home_made
from fault_zoo.fault import fault
from fault_zoo.patches import owned_by, random, regrouped, some_clients, with_clients, with_labels
from fedwhy.diagnosis import Setup

PLACES = ("digits-mlp-iid", "digits-mlp-mild", "mnist-mlp-mild")
UNEQUAL = ("digits-softmax-by-class", "digits-mlp-by-class", "mnist-mlp-by-class")
SKEWED = ("digits-mlp-two", "digits-softmax-strong", "mnist-mlp-strong")


@fault("FW401", where=(*PLACES, "digits-cnn-iid"), strengths=(6, 15))
def server_rate_too_high(setup: Setup, strength: float) -> Setup:
    """The server adds so many times the mean update."""
    return setup.changed(server=optax.sgd(strength))


@fault("FW402", where=(*PLACES, "digits-softmax-mild"), strengths=(0.02, 0.005))
def server_rate_too_low(setup: Setup, strength: float) -> Setup:
    """The server adds a small part of the mean update."""
    return setup.changed(server=optax.sgd(strength))


@fault(
    "FW403",
    "FW401",  # The adaptive server's rate is a server rate.
    where=(*PLACES, "digits-softmax-mild"),
    strengths=(1, 2),
)
def adaptive_server_at_one(setup: Setup, strength: float) -> Setup:
    """FedAdam or FedYogi with a rate of 1, as if it were SGD."""
    made = fw.fedadam if strength == 1 else fw.fedyogi
    return setup.changed(algorithm=made(setup.model, setup.local, learning_rate=1.0))


@fault("FW404", where=SKEWED, seeds=2)
def pairwise_averaging(setup: Setup, strength: float) -> Setup:
    """The global model is averaged with one client after another."""
    return setup.changed(algorithm=setup.algorithm.with_aggregator(home_made.one_by_one()))


@fault("FW405", where=("digits-mlp-iid", "mnist-mlp-iid", "digits-softmax-iid"), strengths=(3, 8))
def unweighted_mean(setup: Setup, strength: float) -> Setup:
    """One client holds most examples, the others a few of one class each, and all count alike."""
    clients, rng = setup.clients, random(setup)
    owner = np.zeros(len(clients), int)
    for client in range(1, clients.clients):
        its = np.flatnonzero((clients.y == rng.integers(3)) & (owner == 0))
        owner[rng.permutation(its)[: int(strength)]] = client
    dealt = regrouped(clients, np.arange(len(clients)), owner)
    return with_clients(setup, dealt).changed(weighting="uniform")


@fault("FW406", where=UNEQUAL, strengths=(6, 12))
def silenced_clients(setup: Setup, strength: float) -> Setup:
    """Clients weigh by a high power of their number of examples."""
    return setup.changed(weighting=home_made.heaviest(strength))


@fault("FW407", where=SKEWED, strengths=(1,), seeds=2)
def too_few_clients(setup: Setup, strength: float) -> Setup:
    """One client a round."""
    return setup.changed(cohort=int(strength))


@fault("FW408", where=SKEWED, strengths=(2, 3))
def same_clients(setup: Setup, strength: float) -> Setup:
    """The same two or three take part in every round."""
    ready = home_made.Ready(some_clients(setup, strength))
    return setup.changed(sampler=ready, cohort=int(strength))


@fault("FW409", where=(*PLACES, "digits-mlp-two"), strengths=(3, 8))
def stale_updates(setup: Setup, strength: float) -> Setup:
    """Clients begin with a model that is some rounds old."""
    made = fw.fedbuff(setup.model, setup.local, max_staleness=int(strength), weighting="examples")
    return setup.changed(algorithm=made, sampler=home_made.Slow(int(strength)))


@fault("FW410", where=(*PLACES, "digits-softmax-mild"), strengths=(0, 0.5))
def evaluated_not_trained(setup: Setup, strength: float) -> Setup:
    """What is evaluated is a copy that gets none of the trained tensors, or half of them."""
    return setup.changed(algorithm=home_made.exported(setup.algorithm, strength))


@fault(
    "FW411",
    "FW602",  # Clients with another meaning of labels are label flippers who mean well.
    where=("digits-softmax-iid", "digits-mlp-iid", "mnist-mlp-iid"),
    strengths=(4, 5),
)
def conflicting_updates(setup: Setup, strength: float) -> Setup:
    """So many clients number the classes in another way."""
    theirs = owned_by(setup.clients, some_clients(setup, strength))
    other = (setup.clients.y + 1) % 10
    y = np.where(theirs, other, setup.clients.y)
    changed = with_labels(setup.changed(test=None), lambda _: y)
    return changed.changed(test=setup.test)


@fault("FW412", where=("digits-mlp-two", "digits-mlp-mild", "mnist-mlp-strong"), strengths=(1, 2))
def wrong_sum(setup: Setup, strength: float) -> Setup:
    """A home-made mean that does not divide, or that sums one buffer over and over."""
    made = home_made.total() if strength == 1 else home_made.buffered()
    return setup.changed(algorithm=setup.algorithm.with_aggregator(made))


@fault("FW413", "FW402", where=PLACES, strengths=(1,), seeds=2)
def update_lost(setup: Setup, strength: float) -> Setup:
    """The server's optimizer changes nothing."""
    return setup.changed(server=optax.set_to_zero())


@fault("FW413", "FW412", where=(*PLACES, "digits-softmax-mild"))
def update_subtracted(setup: Setup, strength: float) -> Setup:
    """The server takes the mean update for a gradient of the wrong sign."""
    return setup.changed(server=optax.scale(strength))


@fault(
    "FW414",
    "FW407",  # Two clients a round are too few where they come in the order of their classes.
    where=SKEWED,
    strengths=(1, 2),
)
def forgetting(setup: Setup, strength: float) -> Setup:
    """Clients take turns in the order of their main labels, one or two a round, for long."""
    clients = setup.clients.select(np.argsort(setup.clients.main_label, kind="stable"))
    cycle = fw.samplers.Cyclic()
    few = setup.changed(clients=clients, sampler=cycle, cohort=int(strength))
    return few.with_local(epochs=5)


FAULTS = (
    server_rate_too_high,
    server_rate_too_low,
    adaptive_server_at_one,
    pairwise_averaging,
    unweighted_mean,
    silenced_clients,
    too_few_clients,
    same_clients,
    stale_updates,
    evaluated_not_trained,
    conflicting_updates,
    wrong_sum,
    update_lost,
    update_subtracted,
    forgetting,
)
