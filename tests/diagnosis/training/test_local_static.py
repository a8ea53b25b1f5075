"""Causes that are seen in local training before any run."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from local_setups import local, setup, suspected

import fedwhy as fw
from fedwhy.diagnosis import Evidence, Severity

SKEWED = fw.QuantitySkew(alpha=0.3)


def gone_after(code, broken, edit=None):
    """Whether the prescription takes the suspicion away."""
    found = suspected(code, broken)
    repaired = (edit or found.prescription).apply(broken)
    return suspected(code, repaired) is None


@pytest.mark.parametrize(
    ("optimizer", "rate", "momentum", "adaptive", "decay"),
    [
        (optax.sgd(0.3), 0.3, 1.0, False, 0.0),
        (optax.sgd(0.3, momentum=0.9), 0.3, (1 - 0.9**20) / (1 - 0.9), False, 0.0),
        (optax.adam(1e-3), 1e-3, 1.0, True, 0.0),
        (optax.adamw(1e-2, weight_decay=0.5), 1e-2, 1.0, True, 5e-3),
        (optax.chain(optax.add_decayed_weights(0.2), optax.sgd(0.1)), 0.1, 1.0, False, 0.02),
        (optax.chain(optax.clip_by_global_norm(1e-3), optax.sgd(0.1)), None, 1.0, False, 0.0),
    ],
)
def test_an_optimizer_is_known_by_its_answers(digits, optimizer, rate, momentum, adaptive, decay):
    facts = Evidence(setup(digits, local(optimizer))).local
    if rate is not None:
        assert facts.rate == pytest.approx(rate, rel=0.05)
    assert facts.momentum == pytest.approx(momentum, rel=1e-2)
    assert facts.adaptive is adaptive
    assert facts.decay == pytest.approx(decay, rel=1e-3, abs=1e-7)
    assert facts.pure


def test_an_optimizer_that_looks_at_the_loss_has_no_rate_and_raises_nothing(digits):
    search = setup(digits, local(fw.rates.line_search(1.0)))
    assert np.isnan(Evidence(search).local.rate)
    assert all(suspected(f"FW3{n:02}", search) is None for n in (1, 2, 6, 9, 11))


@pytest.mark.parametrize("optimizer", [optax.sgd(10.0), optax.sgd(0.5, 0.9), optax.adam(0.3)])
def test_a_huge_rate_is_suspected_before_the_run(digits, optimizer):
    found = suspected("FW301", setup(digits, local(optimizer)))
    assert found.confidence <= 0.5
    assert not found.standing


def test_a_tiny_rate_is_suspected_before_the_run_and_raised(digits):
    broken = setup(digits, local(optax.sgd(1e-4)))
    assert suspected("FW302", broken).prescription.what.endswith("1000 times as high")
    assert gone_after("FW302", broken)


def test_one_step_on_a_part_of_the_examples_is_too_few(digits):
    broken = setup(digits, local(epochs=None, steps=1, batch_size=10))
    found = suspected("FW304", broken)
    assert found.standing
    assert found.evidence["steps"] == 1
    assert gone_after("FW304", broken)


def test_few_steps_come_of_batches_and_clients_with_causes_of_their_own(digits):
    clients = setup(digits, local()).clients
    whole = local(batch_size=int(np.median(clients.sizes)))
    few = setup(digits, whole)
    assert suspected("FW304", few)
    assert suspected("FW304", few.with_local(drop_last=True)) is None
    assert suspected("FW304", few.changed(clients=clients.take(2))) is None


def test_a_tiny_clipping_bound_is_suspected_and_taken_out(digits):
    broken = setup(digits, local(clip_norm=0.01))
    assert suspected("FW305", broken).evidence["bound"] == 0.01
    assert gone_after("FW305", broken)
    assert suspected("FW305", setup(digits, local(clip_norm=5.0))) is None


def test_a_proximal_term_is_judged_by_how_far_clients_get(digits):
    broken = setup(digits, build=fw.fedprox, mu=5.0)
    found = suspected("FW306", broken)
    steps = found.evidence["steps"]
    assert found.evidence["share_of_the_way"] == pytest.approx((1 - 0.5**steps) / (steps * 0.5))
    assert gone_after("FW306", broken)
    assert gone_after("FW306", broken, found.counterfactual)
    assert suspected("FW306", setup(digits, build=fw.fedprox)) is None


def test_a_proximal_term_beyond_stability_is_an_error(digits):
    broken = setup(digits, local(proximal=30.0))
    assert suspected("FW306", broken).severity == Severity.error
    assert gone_after("FW306", broken)


def test_a_rate_that_begins_at_zero_is_not_judged_by_its_first_step(digits):
    warm = optax.sgd(optax.warmup_cosine_decay_schedule(0.0, 0.1, 10, 100))
    assert suspected("FW306", setup(digits, local(warm, proximal=1.0))) is None


def test_a_rate_by_size_is_suspected_without_bounds_only(digits):
    unbounded = local(rate=lambda client: client.examples / 50)
    broken = setup(digits, unbounded, SKEWED)
    found = suspected("FW307", broken)
    assert found.confidence > 0.8
    sizes = broken.clients.sizes
    assert found.evidence["factors"][2] == pytest.approx(sizes.max() / 50)
    assert gone_after("FW307", broken)
    medians, own = found.others[0], found.prescription
    if "own" not in own.what:
        medians, own = own, medians
    factor = found.evidence["factors"][1]
    rates = [Evidence(edit.apply(broken)).local.rate for edit in (medians, own)]
    assert rates[0] == pytest.approx(factor * rates[1])
    bounded = setup(digits, local(rate=fw.rates.by_examples(50)), SKEWED)
    assert suspected("FW307", bounded) is None


@pytest.mark.parametrize(
    "rate",
    [
        lambda client: 0.6 ** client.position.astype(float),
        fw.rates.by_round(optax.exponential_decay(1.0, 1, 0.3)),
        lambda client: 1.5 ** client.round.astype(float),
    ],
)
def test_a_rate_that_compounds_is_suspected(digits, rate):
    assert gone_after("FW308", setup(digits, local(rate=rate)))


def test_schedules_that_fit_the_run_do_not_compound(digits):
    schedule = fw.rates.by_round(optax.warmup_cosine_decay_schedule(0.1, 1.0, 3, 10))
    assert suspected("FW308", setup(digits, local(rate=schedule))) is None


def test_an_optimizer_that_remembers_outside_of_its_state_is_an_error(digits):
    seen = []

    def update(gradient, state, params=None):
        seen.append(1)
        return optax.tree.scale(-0.1 * 0.9 ** len(seen), gradient), state

    shared = optax.GradientTransformation(lambda params: (), update)  # pyright: ignore
    assert suspected("FW308", setup(digits, local(shared))).severity == Severity.error


def test_a_rate_that_remembers_is_an_error(digits):
    seen = []

    def rate(client):
        seen.append(1)
        return jnp.float32(0.9 ** len(seen))

    broken = setup(digits, local(rate=rate))
    assert suspected("FW308", broken).severity == Severity.error
    assert gone_after("FW308", broken)


def test_adam_at_the_clients_is_a_note_and_mimelite_keeps_its_statistics(digits):
    adam = local(optax.adam(1e-3))
    found = suspected("FW309", setup(digits, adam))
    assert found.severity == Severity.note
    server = found.prescription.apply(setup(digits, adam)).algorithm
    assert server.name == "fedadam"
    keys = {(c.table, c.key): c.value for c in found.prescription.changes({})}
    assert keys["algorithm", "name"] == "fedadam" and keys["server", "learning_rate"] == 0.03
    assert gone_after("FW309", setup(digits, adam))
    assert suspected("FW309", setup(digits, adam, build=fw.mimelite)) is None
    assert suspected("FW309", setup(digits, local(optax.sgd(0.1, 0.9)))) is None


def test_batches_in_order_weigh_more_where_labels_are_sorted(digits):
    plain = setup(digits, local(shuffle=False), fw.IID())
    clients = plain.clients
    order = np.lexsort((clients.y, clients.owner))
    by_label = fw.FederatedDataset.from_arrays(
        clients.x[order], clients.y[order], clients.owner[order], classes=10
    )
    assert suspected("FW310", plain).severity == Severity.note
    assert suspected("FW310", plain).evidence["runs"] == pytest.approx(1.0, abs=0.1)
    broken = plain.changed(clients=by_label)
    assert suspected("FW310", broken).severity == Severity.warning
    assert gone_after("FW310", broken)


def test_decay_is_what_all_steps_of_a_round_take(digits):
    decaying = optax.chain(optax.add_decayed_weights(0.3), optax.sgd(0.1))
    broken = setup(digits, local(decaying))
    found = suspected("FW311", broken)
    assert found.evidence["lost_a_round"] == pytest.approx(
        1 - 0.97 ** found.evidence["steps"], rel=1e-3
    )
    assert gone_after("FW311", broken)
    assert suspected("FW311", setup(digits, local(optax.adamw(1e-3)))) is None


HEALTHY = {"iid": fw.IID(), "dirichlet": fw.Dirichlet(alpha=1.0), "skewed": SKEWED}


@pytest.mark.parametrize("partition", HEALTHY)
def test_healthy_local_training_raises_no_finding_that_stands(digits, partition):
    healthy = setup(digits, partition=HEALTHY[partition])
    found = [suspected(f"FW3{n:02}", healthy) for n in range(1, 12)]
    assert not any(suspicion and suspicion.standing for suspicion in found)
