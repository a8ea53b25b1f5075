"""Faulty and hostile clients (FW6xx)."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

import fedwhy as fw
from fault_zoo.fault import fault
from fault_zoo.patches import owned_by, sending, some_clients, times
from fedwhy.diagnosis import Setup

PLACES = ("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-mild")


@fault("FW601", where=PLACES, strengths=(2, 5), shows=False)
def not_finite_updates(setup: Setup, strength: float) -> Setup:
    """So many clients send what is no number."""
    return sending(
        setup,
        some_clients(setup, strength),
        lambda update: jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), update),
    )


@fault(
    "FW602",
    "FW112",  # Wrong labels at some clients, on purpose or not.
    where=("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-iid", "digits-own-iid"),
    strengths=(4, 5),
)
def label_flipping(setup: Setup, strength: float) -> Setup:
    """So many clients of ten train class k as 9 - k."""
    by = fw.shifts.LabelFlip(some_clients(setup, strength).tolist())
    return setup.changed(clients=fw.shift(setup.clients, by))


@fault("FW603", where=PLACES, strengths=(2, 6))
def sign_flipping(setup: Setup, strength: float) -> Setup:
    """Three clients of ten send a multiple of the negative update."""
    return sending(setup, some_clients(setup, 3), times(-strength))


@fault("FW604", where=("digits-softmax-strong", "digits-mlp-mild", "mnist-mlp-mild"),
       strengths=(30, 200))  # fmt: skip
def scaled_updates(setup: Setup, strength: float) -> Setup:
    """One client sends a multiple of its update."""
    return sending(setup, some_clients(setup, 1), times(strength))


@fault(
    "FW605",
    where=("digits-mlp-two", "digits-softmax-strong", "mnist-mlp-strong"),
    strengths=(5, 8),
    hopeless=(5, 8),  # What they hold nobody else does.
)
def free_riders(setup: Setup, strength: float) -> Setup:
    """So many clients of ten send zeros."""
    return sending(setup, some_clients(setup, strength), times(0.0))


@fault("FW606", "FW104", where=PLACES, strengths=(1, 2))
def other_preprocessing(setup: Setup, strength: float) -> Setup:
    """Three clients of ten have inputs of 0 to 255, or inverted ones."""
    theirs = owned_by(setup.clients, some_clients(setup, 3))
    x = setup.clients.x
    other = x * 255 if strength == 1 else x.max() - x
    at = theirs.reshape(-1, *[1] * (x.ndim - 1))
    return setup.changed(clients=replace(setup.clients, x=np.where(at, other, x)))


FAULTS = (
    not_finite_updates,
    label_flipping,
    sign_flipping,
    scaled_updates,
    free_riders,
    other_preprocessing,
)
