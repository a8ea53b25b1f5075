"""Faults of privacy and compression (FW7xx)."""

from fault_zoo.fault import fault
from fedwhy.aggregators import (
    Aggregator,
    chain,
    clip,
    error_feedback,
    mean,
    private_mean,
    quantize,
    sign,
    top_k,
)
from fedwhy.algorithms import fedavg
from fedwhy.diagnosis import Setup

PLACES = ("digits-softmax-mild", "digits-mlp-iid", "mnist-mlp-mild")
NETWORKS = ("digits-mlp-iid", "digits-mlp-mild", "mnist-mlp-mild", "wide")
PRIVATE = ("private", "private-mild")
SENSIBLE_CLIP, SENSIBLE_NOISE = 1.0, 0.3


def aggregated(setup: Setup, aggregator: Aggregator) -> Setup:
    """The run with this aggregator in place of any other."""
    return setup.changed(algorithm=fedavg(setup.model, setup.local).with_aggregator(aggregator))


def private(setup: Setup, norm: float, noise: float) -> Setup:
    """The run with a private mean of this clipping norm and noise multiplier."""
    rule = private_mean(clip=norm, noise_multiplier=noise, cohort=int(setup.cohort))
    return aggregated(setup, rule)


@fault("FW701", where=PRIVATE, strengths=(0.02, 0.005), seeds=2)
def clip_norm_too_low(setup: Setup, strength: float) -> Setup:
    """A private mean clips updates to a small part of themselves."""
    return private(setup, strength, SENSIBLE_NOISE)


@fault("FW701", where=PLACES, strengths=(0.03, 0.005))
def updates_cut_down(setup: Setup, strength: float) -> Setup:
    """Updates are bounded by a norm far below their own."""
    return aggregated(setup, chain(clip(strength), mean()))


@fault("FW702", where=PRIVATE, strengths=(40, 200), seeds=2)
def clip_norm_too_high(setup: Setup, strength: float) -> Setup:
    """The clipping norm is far above any update's, and the noise is measured by it."""
    return private(setup, strength, SENSIBLE_NOISE)


@fault("FW703", where=PRIVATE, strengths=(12, 60), seeds=2)
def noise_above_signal(setup: Setup, strength: float) -> Setup:
    """A noise multiplier for more clients than there are."""
    return private(setup, SENSIBLE_CLIP, strength)


@fault("FW704", where=NETWORKS, seeds=2)
def quantised_too_coarsely(setup: Setup, strength: float) -> Setup:
    """One bit for each number: the nearer of the least and the largest of its array."""
    return aggregated(setup, chain(quantize(int(strength), stochastic=False), mean()))


@fault("FW705", where=(*PLACES, "digits-mlp-two"), strengths=(0.002, 0.0005))
def sparsified_too_coarsely(setup: Setup, strength: float) -> Setup:
    """Clients send one number in 500 or in 2,000, and the rest later."""
    return aggregated(setup, chain(error_feedback(top_k(strength)), mean()))


@fault("FW706", "FW705", where=("digits-mlp-two", "mnist-mlp-strong", "digits-mlp-iid"),
       strengths=(0.01, 0.003))  # fmt: skip
def no_error_feedback(setup: Setup, strength: float) -> Setup:
    """Clients send the largest numbers, and forget the rest."""
    return aggregated(setup, chain(top_k(strength), mean()))


@fault("FW706", where=("digits-mlp-two", "mnist-mlp-strong"), seeds=2)
def forgotten_magnitudes(setup: Setup, strength: float) -> Setup:
    """Clients send signs, and forget what that leaves out."""
    return aggregated(setup, chain(sign(), mean()))


FAULTS = (
    clip_norm_too_low,
    updates_cut_down,
    clip_norm_too_high,
    noise_above_signal,
    quantised_too_coarsely,
    sparsified_too_coarsely,
    no_error_feedback,
    forgotten_magnitudes,
)
