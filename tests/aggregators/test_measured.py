"""What pieces measure: every one something, and what it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fedwhy.aggregators import (
    LINKS,
    RULES,
    WRAPPERS,
    Message,
    Stack,
    local_noise,
    majority_vote,
    meamed,
    mean,
    median,
    momentum,
    nearest_neighbour_mixing,
    noise,
    quantize,
    stacked,
    top_k,
    validate,
)
from fedwhy.aggregators.chain import linked
from fedwhy.federated import trees

COUNT = 8
UPDATES = np.random.default_rng(0).normal(size=(COUNT, 4, 3)).astype(np.float32)


def measured(piece, updates=UPDATES):
    """What a round of the rule, or of the link before a mean, measures."""
    rule = linked(validate(), [piece], mean("uniform")) if hasattr(piece, "compressor") else piece
    like, key = {"w": jnp.zeros(updates.shape[1:])}, jax.random.key(0)
    state, kept = rule.init(like), rule.enrol(like)
    messages = [Message({"w": jnp.asarray(update)}, jnp.float32(1)) for update in updates]
    encoded = [rule.encode(message, kept, state, key)[0] for message in messages]
    rows = jax.tree.map(lambda *leaves: jnp.stack(leaves), *encoded)
    total = jax.tree.map(lambda leaf: leaf.sum(axis=0), rows)
    if rule.stacks:
        place = jnp.arange(len(updates) + 1)  # At the last there is no message, but garbage.
        rows = jax.tree.map(lambda leaf: jnp.append(leaf, leaf[:1] * jnp.nan, axis=0), rows)
        total = Stack(rows, place < len(updates), place)
    return {name: float(value) for name, value in rule.decode(total, state, key).measured.items()}


silent = stacked("mean", lambda stack: trees.scale(stack.encoded, 1 / COUNT))
BUILT = {
    "private_mean": lambda: RULES["private_mean"](cohort=COUNT),
    "bucketing": lambda: WRAPPERS["bucketing"](2, silent),
    "nearest_neighbour_mixing": lambda: WRAPPERS["nearest_neighbour_mixing"](silent),
    "rotated": lambda: WRAPPERS["rotated"](quantize()),
    "error_feedback": lambda: WRAPPERS["error_feedback"](top_k()),
}


@pytest.mark.parametrize("name", sorted({**RULES, **LINKS, **WRAPPERS}))
def test_every_piece_but_the_mean_measures_something(name):
    found = measured({**RULES, **LINKS, **BUILT}[name]())
    assert bool(found) == (name != "mean")
    assert np.isfinite(list(found.values())).all()


def test_noise_tells_what_it_drowns():
    found = measured(noise(0.5))
    assert found["signal_norm"] == pytest.approx(np.linalg.norm(UPDATES.mean(axis=0)), rel=1e-5)
    assert 0.8 < found["noise_norm"] < 3  # sqrt(12) / 2, more or less.
    assert found["signal_to_noise"] == pytest.approx(found["signal_norm"] / found["noise_norm"])


def test_local_noise_tells_means_over_clients():
    norms = np.linalg.norm(UPDATES.reshape(COUNT, -1), axis=1)
    bound = float(np.median(norms))
    found = measured(local_noise(clip=bound, noise_multiplier=2.0))
    assert found["clipped"] == pytest.approx(np.mean(norms > bound))
    assert found["signal_norm"] == pytest.approx(np.minimum(norms, bound).mean(), rel=1e-5)
    assert found["noise_norm"] == pytest.approx(2 * bound * np.sqrt(12), rel=0.3)


def test_momentum_tells_the_norm_of_what_is_sent():
    norms = np.linalg.norm(UPDATES.reshape(COUNT, -1), axis=1)
    assert measured(momentum(0.7))["momentum_norm"] == pytest.approx(0.3 * norms.mean(), rel=1e-5)


def test_a_vote_tells_by_how_much_it_was_won():
    votes = np.array([[1, 1], [1, 1], [1, -1], [1, -1]], np.float32)  # All agree, and none wins.
    assert measured(majority_vote(), votes)["margin"] == pytest.approx(0.5)
    assert measured(majority_vote(), votes[:3])["margin"] == pytest.approx((1 + 1 / 3) / 2)


@pytest.mark.parametrize("rule", [median(), meamed(byzantine=3)])
def test_spread_is_the_mean_distance_from_the_aggregate(rule):
    rows = np.array([[0, 0], [0, 4], [3, 0], [0, 0], [3, 4], [0, 0], [0, 0]], np.float32)
    assert measured(rule, rows)["spread"] == pytest.approx((4 + 3 + 5) / 7)


def test_mixing_tells_how_far_it_moves_messages():
    rows = np.array([[0, 0], [0, 0], [0, 0], [6, 8]], np.float32)  # The last moves two thirds.
    found = measured(nearest_neighbour_mixing(median(), byzantine=1), rows)
    assert found["mixed"] == pytest.approx(2 / 3 * 10 / 4)
