"""Faults of local training (FW3xx)."""

import jax.numpy as jnp
import optax

from fault_zoo.fault import fault
from fault_zoo.faults.data import in_order_of_labels, label_skew
from fault_zoo.patches import scaled_steps
from fedwhy.diagnosis import Setup

PLACES = ("digits-mlp-iid", "digits-mlp-mild", "mnist-mlp-mild")
UNEQUAL = ("digits-mlp-quantity", "digits-softmax-quantity", "digits-softmax-lognormal")


@fault("FW301", where=(*PLACES, "digits-cnn-mild", "heart-mlp"), strengths=(15, 60))
def rate_too_high(setup: Setup, strength: float) -> Setup:
    """Every local step is so many times as long."""
    return scaled_steps(setup, strength)


@fault("FW302", where=(*PLACES, "digits-softmax-mild", "shakespeare-gru"), strengths=(0.01, 0.001))
def rate_too_low(setup: Setup, strength: float) -> Setup:
    """Every local step is so many times as long."""
    return scaled_steps(setup, strength)


@fault(
    "FW303",
    "FW101",  # See `label_skew`: there is no drift without skew.
    where=("digits-mlp-iid", "mnist-mlp-iid", "digits-cnn-iid", "digits-own-iid"),
    strengths=(8, 20),
)
def client_drift(setup: Setup, strength: float) -> Setup:
    """Clients of one class each train for so many epochs."""
    return label_skew.plant(setup, 1).with_local(epochs=int(strength))


@fault("FW304", where=(*PLACES, "digits-softmax-mild", "momentum"), strengths=(1,))
def too_few_local_steps(setup: Setup, strength: float) -> Setup:
    """Clients take one step a round."""
    return setup.with_local(steps=int(strength), epochs=None)


@fault("FW305", where=(*PLACES, "digits-softmax-mild"), strengths=(0.03, 0.003))
def gradient_clipping_binds(setup: Setup, strength: float) -> Setup:
    """Every gradient is clipped to a small norm."""
    return setup.with_local(clip_norm=strength)


@fault("FW306", where=(*PLACES, "digits-mlp-two", "fedprox"), strengths=(3, 8))
def proximal_too_large(setup: Setup, strength: float) -> Setup:
    """Clients are held to the global model."""
    if setup.algorithm.name == "fedprox":
        return setup.changed(mu=strength)
    return setup.with_local(proximal=strength)


@fault("FW307", where=UNEQUAL, strengths=(10, 2))
def rate_by_size(setup: Setup, strength: float) -> Setup:
    """The rate grows with the client's examples, without bound."""
    return setup.with_local(rate=lambda client: client.examples / strength)


@fault("FW308", where=(*PLACES, "digits-softmax-mild"), strengths=(0.9, 1.04))
def rate_compounds(setup: Setup, strength: float) -> Setup:
    """The schedule's step counts clients: one optimizer is shared, and nobody resets it."""
    clients = setup.clients.clients

    def rate(client):
        step = (client.round - 1) * clients + client.position
        return jnp.asarray(strength, jnp.float32) ** step

    return setup.with_local(rate=rate)


@fault("FW309", where=PLACES, strengths=(0.05, 0.15))
def adaptive_restarted(setup: Setup, strength: float) -> Setup:
    """Adam at the clients starts anew every second step, and so has only signs to go by."""
    return setup.with_local(optimizer=optax.adam(strength), steps=2, epochs=None)


@fault(
    "FW310",
    "FW105",  # See `sorted_examples`.
    where=("digits-mlp-iid", "momentum", "mnist-mlp-iid"),
    strengths=(4, 16),
)
def unshuffled_batches(setup: Setup, strength: float) -> Setup:
    """Examples lie in the order of their labels, and the shuffle buffer holds a few of them."""
    return in_order_of_labels(setup).with_local(shuffle=int(strength))


@fault("FW311", where=(*PLACES, "digits-softmax-mild"), strengths=(0.3, 1.0))
def weight_decay(setup: Setup, strength: float) -> Setup:
    """Weights decay at every local step."""
    decayed = optax.chain(optax.add_decayed_weights(strength), setup.local.optimizer)
    return setup.with_local(optimizer=decayed)


FAULTS = (
    rate_too_high,
    rate_too_low,
    client_drift,
    too_few_local_steps,
    gradient_clipping_binds,
    proximal_too_large,
    rate_by_size,
    rate_compounds,
    adaptive_restarted,
    unshuffled_batches,
    weight_decay,
)
