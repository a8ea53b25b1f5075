"""Trust in clients, by quality, by agreement and FLTrust's, against NumPy."""

import bilinear
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from problem import (
    BATCH,
    CLIENTS,
    RATE,
    ROUNDS,
    SIZES,
    START,
    X,
    Y,
    batches,
    cohort,
    gradient,
    local_sgd,
    model,
    train,
    trained,
)

import fedwhy as fw
from fedwhy.aggregators import (
    attacked,
    chain,
    clip,
    local_noise,
    majority_vote,
    mean,
    median,
    momentum,
    noise,
    private_mean,
    secure_mean,
)
from fedwhy.aggregators.attacks import Alone, inner_product_manipulation
from fedwhy.algorithms import remade
from fedwhy.diagnosis.edits.aggregator import without_attacks
from fedwhy.federated import trees

LOCAL = local_sgd(optax.sgd(RATE))
HELD = slice(3, 9)
VALIDATION = fw.Dataset(X[HELD], Y[HELD])


def transcription(trust, weights, attackers=()):
    """The mean of updates weighted by `weights` times `trust(w, update, last aggregate)`.

    `attackers` send minus the last aggregate.
    """
    w, last, trusts = START.copy(), np.zeros(3), []
    for number in range(1, ROUNDS + 1):
        total, share = np.zeros(3), 0.0
        for i in cohort(number):
            y = w.copy()
            for batch in batches(i):
                y -= RATE * gradient(y, batch)
            update = -last if i in attackers else y - w
            trusts.append(trust(w, update, last))
            total += weights[i] * trusts[-1] * update
            share += weights[i] * trusts[-1]
        last = total / share if share else total
        w = w + last
    return w, trusts


def held_loss(w):
    return np.mean((X[HELD].astype(float) @ w - Y[HELD]) ** 2) / 2


def by_quality(w, update, last):
    return np.exp(-held_loss(w + update) / 2.0)


def by_agreement(w, update, last):
    if not last.any():
        return 1.0
    return max(0, update @ last / np.linalg.norm(update) / np.linalg.norm(last))


WEIGHTS = {"examples": SIZES, "uniform": np.ones(CLIENTS)}


@pytest.mark.parametrize("weighting", WEIGHTS)
@pytest.mark.parametrize("name", ["quality", "agreement"])
def test_trust_is_a_factor_of_every_weight(name, weighting):
    algorithm = fw.fedavg(model, LOCAL, weighting=weighting)
    if name == "quality":
        trusting = fw.trust.by_quality(algorithm, VALIDATION, temperature=2.0)
    else:
        trusting = fw.trust.by_agreement(algorithm)
    w, trusts = transcription(by_quality if name == "quality" else by_agreement, WEIGHTS[weighting])
    assert np.std(trusts) > 0.05
    np.testing.assert_allclose(trained(trusting), w, atol=1e-5)


def backwards(message, last, key):
    return message._replace(update=trees.cast(trees.scale(last, -1), message.update))


BACKWARDS = Alone("backwards", backwards, remembers=True)


@pytest.mark.parametrize("attackers", [[2], [1, 2]], ids=["one attack", "two attacks"])
def test_agreement_scores_what_attackers_send(attackers):
    rule = mean("uniform")
    for client in attackers:
        rule = attacked(rule, BACKWARDS, clients=[client])
    algorithm = fw.fedavg(model, LOCAL).with_aggregator(rule)
    w, _ = transcription(by_agreement, np.ones(CLIENTS), attackers)
    np.testing.assert_allclose(trained(fw.trust.by_agreement(algorithm)), w, atol=1e-5)


def test_agreement_is_refused_where_attackers_pass_links_by():
    rule = chain(momentum(0.9), attacked(mean(), BACKWARDS, clients=[1]))
    with pytest.raises(fw.FedwhyError, match="^algorithm: by_agreement scores .* leave some"):
        fw.trust.by_agreement(fw.fedavg(model, LOCAL).with_aggregator(rule))


def test_tiny_temperature_takes_the_best_client_alone():
    algorithm = fw.trust.by_quality(fw.fedavg(model, LOCAL), VALIDATION, temperature=0.01)
    alone = []
    for i in cohort(1):
        y = START.copy()
        for batch in batches(i):
            y -= RATE * gradient(y, batch)
        alone.append(y)
    best = min(alone, key=held_loss)
    np.testing.assert_allclose(trained(algorithm, rounds=1), best, atol=1e-5)


def test_algorithms_that_remember_take_both():
    algorithm = fw.scaffold(model, LOCAL, option=1)
    both = fw.ema(fw.trust.by_agreement(fw.trust.by_quality(algorithm, VALIDATION)))
    assert np.isfinite(trained(both)).all()
    assert np.isfinite(trained(fw.trust.fltrust(algorithm, VALIDATION))).all()


def fltrust_by_hand(factors=(1, 1, 1, 1)):
    """The weights after all rounds, and each client's trust; updates are sent times `factors`."""
    w, trusts = START.copy(), []
    for number in range(1, ROUNDS + 1):
        own = w.copy()
        for _ in range(2):
            for at in range(HELD.start, HELD.stop, BATCH):
                own -= RATE * gradient(own, np.arange(at, min(at + BATCH, HELD.stop)))
        own -= w
        total, share = np.zeros(3), 0.0
        for i in cohort(number):
            y = w.copy()
            for batch in batches(i):
                y -= RATE * gradient(y, batch)
            u = factors[i] * (y - w)
            trusts.append(max(0, u @ own / np.linalg.norm(u) / np.linalg.norm(own)))
            total += trusts[-1] * np.linalg.norm(own) / np.linalg.norm(u) * u
            share += trusts[-1]
        w = w + (total / share if share else total)
    return w, trusts


@pytest.mark.parametrize("weighting", WEIGHTS)
def test_fltrust_scales_updates_to_the_servers_own_whatever_the_weighting(weighting):
    algorithm = fw.trust.fltrust(fw.fedavg(model, LOCAL, weighting=weighting), VALIDATION)
    w, trusts = fltrust_by_hand()
    assert np.std(trusts) > 0.05
    run = train(algorithm)
    np.testing.assert_allclose(run.weights.params["w"], w, atol=1e-5)
    plain = train(fw.fedavg(model, LOCAL), rounds=1)
    assert run.history[1]["bytes_down"] == plain.history[1]["bytes_down"]


def test_fltrust_refuses_algorithms_of_several_models():
    with pytest.raises(fw.FedwhyError, match="^algorithm: FLTrust .* does not fit ifca"):
        fw.trust.fltrust(fw.ifca(model, LOCAL), VALIDATION)


def test_losses_far_apart_leave_weights_finite():
    far = fw.Dataset(X[HELD], 1e3 * Y[HELD])  # The loss falls by thousands of temperatures.
    run = train(fw.trust.by_quality(fw.fedavg(model, LOCAL), far, temperature=1e-3), rounds=2)
    assert run.stopped is None
    assert np.isfinite(run.weights.params["w"]).all()


def test_clients_that_begin_with_different_models_cannot_be_compared():
    with pytest.raises(fw.FedwhyError, match="^algorithm: clients of fedbuff begin with different"):
        fw.trust.by_quality(fw.fedbuff(model, LOCAL), VALIDATION)


def test_update_of_a_part_of_the_model_cannot_be_judged():
    fedper = fw.fedper(bilinear.model, LOCAL, personal="head")
    with pytest.raises(fw.FedwhyError, match="^personal: by_quality judges updates of the whole"):
        train(fw.trust.by_quality(fedper, VALIDATION), rounds=1)


@pytest.mark.parametrize("build", [fw.ifca, fw.cfl])
@pytest.mark.parametrize(
    "wrap",
    [fw.ema, fw.swa, fw.trust.by_agreement, lambda a: fw.trust.by_quality(a, VALIDATION)],
    ids=["ema", "swa", "by_agreement", "by_quality"],
)
def test_algorithm_of_several_models_is_refused(wrap, build):
    with pytest.raises(fw.FedwhyError, match=r"^algorithm: \w+ has a model for each cluster"):
        wrap(build(model, LOCAL))


def test_cold_temperature_is_refused():
    with pytest.raises(fw.FedwhyError, match="^temperature: expected a finite number > 0"):
        fw.trust.by_quality(fw.fedavg(model, LOCAL), VALIDATION, temperature=0)


WRAPPERS = {
    "by_agreement": fw.trust.by_agreement,
    "by_quality": lambda algorithm: fw.trust.by_quality(algorithm, VALIDATION),
    "fltrust": lambda algorithm: fw.trust.fltrust(algorithm, VALIDATION),
}


@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (chain(local_noise(), mean("uniform")), "privacy would not hold"),
        (private_mean(cohort=4), "privacy would not hold"),
        (chain(clip(), majority_vote()), "majority_vote counts all messages alike"),
        (chain(clip(), median()), "median counts all messages alike|does not fit"),
        (secure_mean(), "secure_mean shows the server their sum only"),
        (chain(clip(), secure_mean(max_weight=9.0)), "secure_mean shows the server their sum only"),
        (chain(clip(), noise(), mean("uniform")), "noise, mean should hide"),
    ],
    ids=[
        *("local_noise", "private_mean", "majority_vote", "median"),
        *("secure_mean", "clipped secure_mean", "noise"),
    ],
)
def test_trust_is_refused_where_updates_are_hidden_or_nothing_is_weighed(wrap, rule, message):
    with pytest.raises(fw.FedwhyError, match=f"^algorithm: .*({message})"):
        wrap(fw.fedavg(model, LOCAL).with_aggregator(rule))


@pytest.mark.parametrize(
    "rule",
    [median(), private_mean(cohort=4), secure_mean()],
    ids=["median", "private_mean", "secure_mean"],
)
def test_a_rule_that_trust_cannot_weigh_is_refused_behind_it_too(rule):
    with pytest.raises(fw.FedwhyError, match="^algorithm: .*by_quality"):
        fw.trust.by_quality(fw.fedavg(model, LOCAL), VALIDATION).with_aggregator(rule)


def test_local_noise_refuses_trust_by_the_update_that_it_hides():
    hidden = chain(local_noise(), mean("uniform"))
    trusting = fw.trust.by_quality(fw.fedavg(model, LOCAL), VALIDATION)
    algorithm = trusting._replace(aggregator=hidden)
    with pytest.raises(fw.FedwhyError, match="^trust: local_noise hides updates"):
        train(algorithm, rounds=1)


def scaled_by(factors):
    """The attack that sends so many times each client's update."""

    def send(message, last, key):
        factor = jnp.asarray(factors)[message.position]
        return message._replace(update=trees.scale(message.update, factor))

    return Alone("scaled", send)


def test_fltrust_scores_what_attackers_send():
    factors = np.array([1, -1e3, 1, 30.0])
    rule = attacked(mean(), scaled_by(factors), clients=[1, 3])
    algorithm = fw.trust.fltrust(fw.fedavg(model, LOCAL).with_aggregator(rule), VALIDATION)
    w, trusts = fltrust_by_hand(factors)
    assert min(trusts) == 0 < max(trusts)
    np.testing.assert_allclose(trained(algorithm), w, atol=1e-5)


TRUSTS = {
    "fltrust": lambda algorithm: fw.trust.fltrust(algorithm, VALIDATION),
    "agreement": fw.trust.by_agreement,
}


@pytest.mark.parametrize("trust", TRUSTS.values(), ids=TRUSTS)
def test_attack_put_on_after_trust_stays_when_the_algorithm_is_made_again(trust):
    def attack(algorithm, client):
        rule = attacked(algorithm.aggregator, BACKWARDS, clients=[client])
        return algorithm.with_aggregator(rule)

    algorithm, slower = fw.fedavg(model, LOCAL), local_sgd(optax.sgd(RATE / 2))
    before = trust(attack(attack(algorithm, 1), 2))
    for other in (attack(attack(trust(algorithm), 1), 2), attack(trust(attack(algorithm, 1)), 2)):
        again = [remade(one, client=slower) for one in (before, other)]
        np.testing.assert_allclose(trained(again[0]), trained(again[1]), atol=1e-6)
        np.testing.assert_allclose(trained(before), trained(other), atol=1e-6)
        rests = [trained(without_attacks(one)) for one in (trust(algorithm), before, other)]
        np.testing.assert_allclose(rests[0], rests[1], atol=1e-6)
        np.testing.assert_allclose(rests[0], rests[2], atol=1e-6)


def test_fltrust_outweighs_attackers_who_know_the_honest_updates():
    rule = attacked(mean(), inner_product_manipulation(10.0), clients=[3])
    hit = fw.fedavg(model, LOCAL).with_aggregator(rule)
    plain, trusting = trained(hit), trained(fw.trust.fltrust(hit, VALIDATION))
    assert held_loss(trusting) < held_loss(START) < held_loss(plain)


@pytest.mark.parametrize("after", [False, True])
def test_quality_is_refused_where_attackers_change_what_was_judged(after):
    algorithm, rule = fw.fedavg(model, LOCAL), attacked(mean(), BACKWARDS, clients=[1])
    with pytest.raises(fw.FedwhyError, match="^algorithm: by_quality scores updates before"):
        if after:
            fw.trust.by_quality(algorithm, VALIDATION).with_aggregator(rule)
        else:
            fw.trust.by_quality(algorithm.with_aggregator(rule), VALIDATION)
