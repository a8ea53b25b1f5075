"""Attacks: what attackers send, against ByzFL 0.0.11, NumPy and closed forms."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import norm

import fedwhy as fw
from fedwhy.aggregators import (
    Message,
    Stack,
    aggregate,
    attacked,
    attacks,
    chain,
    clip,
    mean,
    momentum,
    private_mean,
    stacked,
)
from fedwhy.errors import ParameterError

# Five honest updates, and what ByzFL's attacks make of them.
HONEST = np.array(
    [
        [0.002, 0.597, -0.548, -1.781],
        [-0.909, -1.983, 0.12, 2.68],
        [-0.984, -1.241, 0.98, 0.714],
        [0.211, -1.861, -0.059, 1.391],
        [-2.688, -0.915, -3.802, -2.579],
    ]
)
BYZFL = {
    "SignFlipping()": (1.0, [0.8736, 1.0806, 0.6618, -0.085]),
    "InnerProductManipulation(0.7)": (0.7, [0.61152, 0.75642, 0.46326, -0.0595]),
}
ALIE_08 = [0.042786049653747216, -0.2520259767528311, 0.8102811281991221, 1.8474598264925077]
ATTACKERS = (50, 51)

rows = stacked("rows", lambda stack: stack)


def as_update(vector):
    """A vector as two arrays of a model, one of them a matrix."""
    return {"a": jnp.float32(vector[..., :2]), "b": jnp.float32(vector[..., 2:, None])}


def as_vector(update):
    return np.concatenate([update["a"], update["b"][..., 0]], axis=-1)


# Slots: honest 0, attacker, absent, honest 1 and 2, absent, honest 3, attacker, honest 4.
PLACES, POSITIONS = [0, 3, 4, 6, 8], np.array([7, 50, 99, 3, 20, 51, 11, 51, 5])
SENT = np.array([1, 1, 0, 1, 1, 0, 1, 1, 1], bool)


def cohort_of(honest=HONEST):
    """A stack with two attackers, whose own updates are 9, and garbage where nobody is."""
    updates = np.full((9, 4), np.nan)
    updates[PLACES], updates[[1, 7]] = honest, 9.0
    ones = jnp.ones(9)
    position = jnp.asarray(POSITIONS, jnp.int32)
    message = Message(as_update(updates), ones, ones, ones, position)
    return Stack(message, jnp.asarray(SENT), position)


def rounds_of(attack):
    """A function of a cohort's honest updates: what attackers send then, `[4]`, and what they know.

    Each call is the next round.
    """
    aggregator = attacked(rows, attack, clients=ATTACKERS)
    decode, state = jax.jit(aggregator.decode), aggregator.init(as_update(np.zeros(4)))

    def next_round(honest):
        nonlocal state
        decoded = decode(cohort_of(honest), state, jax.random.key(3))
        state = decoded.state
        return checked(decoded.aggregate, honest), state.attack

    return next_round


def checked(given, honest):
    """What attackers send, where all else is as it was."""
    vectors = as_vector(given.encoded)
    np.testing.assert_array_equal(given.sent, SENT)
    np.testing.assert_allclose(vectors[PLACES], honest, rtol=1e-6)
    np.testing.assert_array_equal(vectors[1], vectors[7])
    return vectors[1]


def crafted(attack):
    """What attackers send in the first round."""
    return rounds_of(attack)(HONEST)[0]


@pytest.mark.parametrize(("epsilon", "expected"), BYZFL.values(), ids=BYZFL)
def test_inner_product_manipulation_is_byzfls(epsilon, expected):
    sent = crafted(attacks.inner_product_manipulation(epsilon))
    np.testing.assert_allclose(sent, expected, rtol=1e-5)


def test_alie_is_byzfls():
    np.testing.assert_allclose(crafted(attacks.alie(0.8)), ALIE_08, rtol=1e-5)


def test_alie_has_the_z_of_its_paper():
    # n = 7, f = 2: s = floor(4.5) - 2 = 2 supporters, and 3 of 5 honest clients nearer than z.
    expected = HONEST.mean(0) + norm.ppf(3 / 5) * HONEST.std(0, ddof=1)
    np.testing.assert_allclose(crafted(attacks.alie()), expected, rtol=1e-5)


@pytest.mark.parametrize("direction", ["std", "unit", "sign"])
@pytest.mark.parametrize("name", ["min_max", "min_sum"])
def test_min_max_and_min_sum_go_as_far_as_halving_intervals_finds(name, direction):
    centre = HONEST.mean(0)
    p = {
        "std": -HONEST.std(0, ddof=1),
        "unit": -centre / np.linalg.norm(centre),
        "sign": -np.sign(centre),
    }[direction]
    among = ((HONEST[:, None] - HONEST) ** 2).sum(-1)

    def hidden(gamma):
        squared = ((centre + gamma * p - HONEST) ** 2).sum(-1)
        if name == "min_max":
            return squared.max() <= among.max()
        return squared.sum() <= among.sum(1).max()

    low, high = 0.0, 100.0
    for _ in range(60):
        low, high = (
            ((low + high) / 2, high) if hidden((low + high) / 2) else (low, (low + high) / 2)
        )
    sent = crafted(getattr(attacks, name)(direction))
    np.testing.assert_allclose(sent, centre + low * p, rtol=1e-4)


def test_mimic_follows_the_papers_warmup_and_then_keeps_its_target():
    rng = np.random.default_rng(1)
    next_round, ids = rounds_of(attacks.mimic(warmup=3)), POSITIONS[PLACES]
    learned: Any = None
    for t in range(5):
        honest, before = rng.normal(size=(5, 4)) * [1, 1, 1, 4], learned
        sent, learned = next_round(honest)
        if before and t < 3:
            mu = t / (t + 1) * as_vector(before.mean) + honest.mean(0) / (t + 1)
            z = as_vector(before.direction)
            oja = sum((u - mu) @ z * (u - mu) for u in honest)
            z = t / (t + 1) * z + oja / np.linalg.norm(oja) / (t + 1)
            np.testing.assert_allclose(as_vector(learned.mean), mu, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(
                as_vector(learned.direction), z / np.linalg.norm(z), rtol=1e-4, atol=1e-6
            )
        if t < 3:
            target = ids[np.argmax(honest @ as_vector(learned.direction))]
        assert learned.target == target
        np.testing.assert_allclose(sent, honest[list(ids).index(target)], rtol=1e-6)


LIKE = as_update(np.zeros(4))
UPDATES = {id: as_update(value) for id, value in zip("abc", HONEST, strict=False)}


def mean_of(*vectors):
    return np.mean(vectors, axis=0)


@pytest.mark.parametrize(
    ("attack", "factor"),
    [
        (attacks.sign_flip(), -1),
        (attacks.sign_flip(3.0), -3),
        (attacks.scale(5.0), 5),
        (attacks.model_replacement(cohort=6, attackers=2, rate=0.5), 6),
        (attacks.free_rider(), 0),
    ],
    ids=["flip", "flip by 3", "scale", "replacement", "free rider"],
)
@pytest.mark.parametrize("inner", [mean(), chain(momentum(0.0), mean())], ids=["mean", "chain"])
def test_attackers_alone_send_a_multiple_of_their_update(attack, factor, inner):
    messages = {id: (update, 10) for id, update in UPDATES.items()}
    arrived = aggregate(attacked(inner, attack, clients=[1]), messages, like=LIKE)
    expected = mean_of(HONEST[0], factor * HONEST[1], HONEST[2])
    np.testing.assert_allclose(as_vector(arrived.aggregate), expected, rtol=1e-5)


def test_delta_weights_repeat_the_last_aggregate():
    aggregator = attacked(mean(), attacks.delta_weights(), clients=[1])
    messages = {id: (update, 10) for id, update in UPDATES.items()}
    one = aggregate(aggregator, messages, like=LIKE)
    two = aggregate(aggregator, messages, like=LIKE, state=one.state)
    first = mean_of(HONEST[0], np.zeros(4), HONEST[2])
    np.testing.assert_allclose(as_vector(one.aggregate), first, rtol=1e-5)
    second = mean_of(HONEST[0], first, HONEST[2])
    np.testing.assert_allclose(as_vector(two.aggregate), second, rtol=1e-5)


def test_gaussian_noise_has_its_deviation_and_follows_from_the_seed():
    like = {"w": jnp.zeros(4000)}
    aggregator = attacked(mean(), attacks.gaussian(2.0), clients=[0])
    noise = [
        np.asarray(aggregate(aggregator, {"a": (like, 1)}, like=like, seed=seed).aggregate["w"])
        for seed in (1, 1, 2)
    ]
    assert np.array_equal(noise[0], noise[1]) and not np.array_equal(noise[0], noise[2])
    # The deviation of m normal draws has the standard error 1 / sqrt(2 m) of itself.
    assert noise[0].std() == pytest.approx(2.0, rel=4 / np.sqrt(2 * 4000))


last = stacked("last", lambda stack: stack.encoded["a"][-1])


@pytest.mark.parametrize(
    ("inner", "attack"),
    [
        (mean(), attacks.sign_flip()),
        (last, attacks.sign_flip()),
        (mean(), attacks.inner_product_manipulation()),
        (last, attacks.mimic()),
    ],
    ids=["mean, alone", "stacked, alone", "mean, omniscient", "stacked, omniscient"],
)
def test_without_attackers_in_the_cohort_nothing_changes(inner, attack):
    messages = {id: (update, n + 1) for n, (id, update) in enumerate(UPDATES.items())}
    plain = aggregate(inner, messages, like=LIKE)
    other = aggregate(attacked(inner, attack, clients=[7]), messages, like=LIKE)
    jax.tree.map(np.testing.assert_array_equal, plain.aggregate, other.aggregate)


TOO_LARGE = [attacks.scale(1e30), attacks.alie(1e30)]


@pytest.mark.parametrize("attack", TOO_LARGE, ids=lambda attack: attack.name)
def test_what_attackers_send_is_validated_like_any_message(attack):
    messages = {id: (update, 10) for id, update in UPDATES.items()}
    arrived = aggregate(attacked(mean(), attack, clients=[1]), messages, like=LIKE)
    expected = mean_of(HONEST[0], HONEST[2])
    np.testing.assert_allclose(as_vector(arrived.aggregate), expected, rtol=1e-5)
    assert arrived.measured == {"attacks": 1, "attacks_refused": 1}


def test_attack_stands_in_front_of_links_or_behind_them():
    small = clip(0.5)
    messages = {id: (update, 10) for id, update in UPDATES.items()}
    scaled, against = attacks.scale(100.0), attacks.inner_product_manipulation(8.0)
    clipped = [h * min(1, 0.5 / np.linalg.norm(h)) for h in HONEST[:3]]

    def of(aggregator):
        return as_vector(aggregate(aggregator, messages, like=LIKE).aggregate)

    before = of(attacked(chain(small, mean()), scaled, clients=[1]))
    np.testing.assert_allclose(before, mean_of(*clipped), rtol=1e-5)
    before = of(attacked(chain(small, mean()), against, clients=[1]))
    sent = -8 * mean_of(HONEST[0], HONEST[2])
    expected = mean_of(clipped[0], sent * 0.5 / np.linalg.norm(sent), clipped[2])
    np.testing.assert_allclose(before, expected, rtol=1e-5)
    behind = of(chain(small, attacked(mean(), scaled, clients=[1])))
    expected = mean_of(clipped[0], 100 * clipped[1], clipped[2])
    np.testing.assert_allclose(behind, expected, rtol=1e-5)
    behind = of(chain(small, attacked(mean(), against, clients=[1])))
    expected = mean_of(clipped[0], -8 * mean_of(clipped[0], clipped[2]), clipped[2])
    np.testing.assert_allclose(behind, expected, rtol=1e-5)


def test_attackers_who_know_the_others_come_behind_links_that_keep_something():
    aggregator = attacked(chain(momentum(), mean()), attacks.alie(), clients=[1])
    with pytest.raises(ParameterError, match="put those links first"):
        aggregator.init(LIKE)


@pytest.mark.parametrize("clients", [[], [1, 1], [-1], ["a"]])
def test_attackers_are_named_by_their_positions(clients):
    with pytest.raises(ParameterError, match="clients"):
        attacked(mean(), attacks.alie(), clients=clients)


@pytest.mark.parametrize(
    "attack", [attacks.sign_flip(), attacks.inner_product_manipulation()], ids=lambda a: a.name
)
def test_attacked_mean_may_be_private(attack):
    rule = attacked(private_mean(clip=10.0, noise_multiplier=1e-6, cohort=3), attack, clients=[2])
    messages = {name: ({"w": np.full(4, 1.0, np.float32)}, 5) for name in "abc"}
    arrived = aggregate(rule, messages, like={"w": jnp.zeros(4)})
    sent = -1.0 if attack.name == "sign_flip" else -0.1  # Or the honest mean, times -epsilon.
    np.testing.assert_allclose(arrived.aggregate["w"], (2 + sent) / 3, rtol=1e-3)
    assert arrived.measured["attacks"] == 1


def test_model_replacement_plants_a_backdoor_and_norm_bounding_keeps_it_out(digits):
    clients = fw.partition(digits.train, fw.IID(), clients=10)
    backdoor = fw.shifts.Backdoor([0], target=0)
    poisoned = fw.shift(clients, backdoor)
    model = fw.Model.from_zoo("mlp", hidden=(32,))
    local = fw.LocalSGD(optax.sgd(0.2), epochs=2, batch_size=16)
    others = digits.test.x[digits.test.y != 0]

    def trained(rule):
        hit = attacked(rule, attacks.model_replacement(cohort=10), clients=[0])
        algorithm = fw.fedavg(model, local).with_aggregator(hit)
        options = {"rounds": 15, "cohort": 10, "test": digits.test, "evaluate_every": 15}
        run = fw.train(algorithm, poisoned, progress=False, **options)
        logits, _ = model.apply(*run.weights, backdoor.triggered(others), None, False)
        return run.test_accuracy, np.mean(np.argmax(logits, axis=1) == 0)

    accuracy, triggered = trained(mean("uniform"))
    assert accuracy > 0.9 and triggered > 0.95
    accuracy, triggered = trained(chain(clip(0.5), mean("uniform")))
    assert accuracy > 0.9 and triggered < 0.1
