"""Faulty and hostile clients are named, and healthy skewed ones are not."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from examined import HOSTILE, evidence_of, of_hostile, setup_of

import fedwhy as fw
from fedwhy import aggregators as ag
from fedwhy.aggregators.attacks import Alone
from fedwhy.algorithms.compressed_broadcast import compressed_broadcast
from fedwhy.algorithms.trust import by_agreement
from fedwhy.diagnosis import Evidence
from fedwhy.diagnosis.causes.clients import CAUSES
from fedwhy.diagnosis.diagnose import examined
from fedwhy.diagnosis.edits.aggregator import attacks_in
from fedwhy.diagnosis.edits.clients import (
    named,
    replaced,
    without_clients,
    without_the_left_out,
)
from fedwhy.diagnosis.edits.common import pooled
from fedwhy.diagnosis.edits.redealing import with_owners
from fedwhy.diagnosis.edits.taking_part import only
from fedwhy.diagnosis.facts.updates import Examination
from fedwhy.diagnosis.search.runs import outcome
from fedwhy.simulation.samplers import Population

BY_CODE = {cause.code: cause for cause in CAUSES}
DIRICHLET = fw.Dirichlet(alpha=1.0)
BROKEN = Alone(
    "broken",
    lambda message, last, key: message._replace(
        update=jax.tree.map(lambda leaf: leaf * jnp.nan, message.update)
    ),
)


def attacked(attack):
    return ag.attacked(ag.mean(), attack, clients=[3, 7])


def suspicions(evidence) -> dict[str, Any]:
    found = {code: cause.suspect(evidence) for code, cause in BY_CODE.items()}
    return {code: suspicion for code, suspicion in found.items() if suspicion is not None}


@pytest.mark.parametrize(
    ("code", "attack"),
    [
        ("FW603", ag.attacks.sign_flip()),
        ("FW605", ag.attacks.alie(2.0)),
        ("FW604", ag.attacks.scale(10.0)),
        ("FW605", ag.attacks.free_rider()),
        ("FW605", ag.attacks.gaussian(0.01)),
        ("FW605", ag.attacks.mimic()),
    ],
    ids=["sign", "copies", "scale", "zero", "noise", "mimic"],
)
def test_hostile_clients_are_named_and_left_out(code, attack):
    evidence = evidence_of(DIRICHLET, aggregator=attacked(attack))
    found = suspicions(evidence)
    assert code in found
    assert tuple(found[code].evidence["clients"]) == HOSTILE
    repaired = found[code].prescription.apply(evidence.setup)
    everyone = Population(repaired.clients, np.arange(10), lambda positions: np.zeros(10))
    sampler: Any = repaired.sampler
    drawn = sampler.draw(everyone, 10, 0, 1).clients
    assert drawn.tolist() == [0, 1, 2, 4, 5, 6, 8, 9]


def evidence_of_run(setup) -> Evidence:
    """What is known of three rounds of it, its server's own memory with it."""
    ran = outcome(setup, 3, 0)
    return Evidence(setup, ran.history, examined(setup, ran))


def test_the_last_aggregate_sent_again_is_named_as_what_two_send_alike():
    evidence = evidence_of_run(setup_of(DIRICHLET, aggregator=attacked(ag.attacks.delta_weights())))
    assert evidence.updates is not None and np.all(evidence.updates[-1].norm > 0)
    found = suspicions(evidence)["FW605"]
    assert tuple(found.evidence["clients"]) == HOSTILE
    assert set(found.evidence["sends"].values()) == {"another client's update"}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda algorithm: compressed_broadcast(algorithm, ag.quantize(8)),
        by_agreement,
        lambda algorithm: compressed_broadcast(by_agreement(algorithm), ag.quantize(8)),
    ],
    ids=["compressed broadcast", "agreement", "both"],
)
def test_hostile_clients_are_named_whatever_the_algorithm_puts_around_its_aggregator(wrap):
    setup = setup_of(DIRICHLET, aggregator=attacked(ag.attacks.sign_flip()))
    setup = setup.changed(algorithm=wrap(setup.algorithm))
    found = suspicions(evidence_of_run(setup))
    assert tuple(found["FW603"].evidence["clients"]) == HOSTILE


def test_without_them_a_run_has_the_others_alone():
    setup = setup_of(DIRICHLET, aggregator=attacked(ag.attacks.sign_flip()))
    record = without_clients([3, 7], setup).apply(setup).train(1, 0).history[1]
    assert record["clients"] == 8 and record["attacks"] == 0


def attackers(setup) -> list[str]:
    """Who attacks, by name."""
    (attack,) = attacks_in(setup.algorithm.aggregator)
    return setup.clients.ids[attack.arguments["clients"]].tolist()


@pytest.mark.parametrize(
    "without",
    [
        lambda setup: without_the_left_out(without_clients([0, 3], setup).apply(setup)),
        lambda setup: with_owners(setup, np.where(setup.clients.owner % 3, 7, 1)),
        only(np.array([2, 7, 9])).apply,
    ],
    ids=["left out", "dealt anew", "only some"],
)
def test_attackers_stay_who_they_are_where_others_are_gone(without):
    setup = without(setup_of(DIRICHLET, aggregator=attacked(ag.attacks.sign_flip())))
    assert attackers(setup) == ["client-007"]
    assert setup.train(1, 0).history[1]["attacks"] == 1


def test_without_its_attackers_a_run_is_looked_at_with_what_it_has_kept():
    rule = ag.chain(ag.adaptive_clipping(), ag.mean("uniform"))
    under = ag.attacked(rule, ag.attacks.alie(1.0), clients=[3, 7])
    setup = without_clients([3, 7], (made := setup_of(DIRICHLET, aggregator=under))).apply(made)
    run = setup.train(2, 0)
    seen = without_the_left_out(setup)
    sent = Examination(seen)(run.server, 3, run.states)
    assert len(sent.ids) == 8 and np.all(sent.fidelity > 0.99)


def test_what_clients_have_kept_goes_with_them_where_others_are_left_out():
    setup = setup_of(fw.IID())
    local = fw.LocalSGD(optax.sgd(0.3), steps=1, batch_size=1000)  # No draw, by place or otherwise.
    remembering = fw.scaffold(setup.model, local)
    setup = without_clients([0], setup).apply(setup.changed(algorithm=remembering))
    ran = outcome(setup, 2, 0)
    whole, seen = Examination(setup), without_the_left_out(setup)
    sent = whole(whole.rounds.place(ran.run.server), 3, ran.run.states)
    updates: Any = examined(seen, ran, np.arange(1, 10))
    np.testing.assert_allclose(updates[1].norm, sent.norm[1:], rtol=1e-4)


@pytest.mark.parametrize(
    "under",
    [
        lambda attack: ag.attacked(attack(ag.mean()), ag.attacks.scale(5.0), clients=[0, 2]),
        lambda attack: ag.chain(ag.clip(100.0), attack(ag.mean())),
    ],
    ids=["two attacks", "behind a link"],
)
def test_all_examples_at_one_place_are_under_no_attack(under):
    def attack(rule):
        return ag.attacked(rule, ag.attacks.sign_flip(), clients=[0])

    records = [
        pooled().apply(setup_of(fw.IID(), aggregator=rule)).train(1, 0).history[1]
        for rule in (under(attack), ag.mean())
    ]
    assert "attacks" not in records[0]
    assert records[0]["test_loss"] == pytest.approx(records[1]["test_loss"])


def test_all_examples_at_one_place_need_no_rule_for_several():
    records = [
        pooled().apply(setup_of(fw.IID(), aggregator=rule)).train(1, 0).history[1]
        for rule in (ag.attacked(ag.krum(byzantine=2), ag.attacks.scale(), clients=[0]), ag.mean())
    ]
    assert records[0]["test_loss"] == pytest.approx(records[1]["test_loss"])


def test_an_update_turned_around_is_named_under_skew_where_cosines_say_nothing():
    partition = fw.LabelsPerClient(2)
    found = suspicions(evidence_of(partition, "mlp", attacked(ag.attacks.sign_flip(5.0))))
    assert tuple(found["FW603"].evidence["clients"]) == HOSTILE
    assert "FW604" not in found


@pytest.mark.parametrize("attack", [ag.attacks.alie(2.0), ag.attacks.mimic()])
@pytest.mark.parametrize("partition", [fw.IID(), DIRICHLET])
def test_an_attacker_who_is_alone_is_named_by_what_it_did_not_train(partition, attack):
    found = suspicions(
        evidence_of(partition, aggregator=ag.attacked(ag.mean(), attack, clients=[3]))
    )
    assert tuple(found["FW605"].evidence["clients"]) == ("client-003",)


@pytest.mark.parametrize("factor", [10.0, 0.1])
@pytest.mark.parametrize("partition", [fw.IID(), fw.LabelsPerClient(2)])
def test_the_opposite_of_what_others_send_is_named_whatever_the_own_loss(partition, factor):
    attack = ag.attacks.inner_product_manipulation(factor)
    found = suspicions(
        evidence_of(partition, aggregator=ag.attacked(ag.mean(), attack, clients=[3]))
    )
    assert tuple(found["FW603"].evidence["clients"]) == ("client-003",)
    assert found["FW603"].evidence["cosine_with_others"][0] < -0.9 and "FW605" not in found


def test_zeros_of_most_clients_are_named_as_well():
    silent = ag.attacked(ag.mean(), ag.attacks.free_rider(), clients=list(range(7)))
    found = suspicions(evidence_of(DIRICHLET, aggregator=silent))["FW605"]
    assert len(found.evidence["clients"]) == 7 and found.confidence > 0.9


def test_in_place_of_clients_new_ones_hold_their_examples():
    setup = setup_of(DIRICHLET)
    changed = replaced([3, 7], setup).apply(setup)
    assert changed.clients.ids.tolist()[10:] == ["client-003-anew", "client-007-anew"]
    assert changed.clients.sizes[10:].tolist() == setup.clients.sizes[[3, 7]].tolist()
    start = changed.clients.offsets[10]
    own = slice(*setup.clients.offsets[3:5])
    assert np.array_equal(changed.clients.y[start:][: setup.clients.sizes[3]], setup.clients.y[own])
    everyone = Population(changed.clients, np.arange(12), lambda positions: np.zeros(12))
    sampler: Any = changed.sampler
    assert sampler.draw(everyone, 10, 0, 1).clients.tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10, 11]


def test_updates_that_are_not_finite_are_named_by_refusals():
    setup = setup_of(DIRICHLET, aggregator=attacked(BROKEN))
    run = setup.train(2, 0, evaluate_every=2)
    records = [
        {**record, "refused_clients": dict.fromkeys(HOSTILE, ag.REASONS[1]), "refused": 2}
        for record in run.history[1:]
    ]
    suspicion = BY_CODE["FW601"].suspect(Evidence(setup, records))
    assert suspicion is not None and tuple(suspicion.evidence["clients"]) == HOSTILE
    assert "4 updates" in suspicion.why


def test_nobody_is_at_fault_where_most_are_refused():
    everyone = dict.fromkeys((f"client-{number:03}" for number in range(10)), ag.REASONS[1])
    record = {"refused_clients": everyone, "refused": 10, "clients": 0}
    assert BY_CODE["FW601"].suspect(Evidence(setup_of(DIRICHLET), [record])) is None


@pytest.mark.parametrize("model", ["softmax", "mlp"])
def test_flipped_labels_are_found_at_the_trained_model(model):
    def flip(clients):
        return fw.shifts.LabelFlip([3, 7]).apply(clients, 0)

    suspicion = BY_CODE["FW602"].suspect(evidence_of(fw.IID(), model, change=flip))
    assert suspicion is not None and suspicion.standing
    assert tuple(suspicion.evidence["clients"]) == HOSTILE
    pairs = {(flip["label"], flip["seen"]) for flip in suspicion.evidence["flips"]}
    assert all(label + seen == 9 for label, seen in pairs)


def test_labels_at_random_are_no_flips():
    rng = np.random.default_rng(0)
    random = of_hostile(lambda x, y: (x, rng.integers(0, 10, len(y))))
    assert BY_CODE["FW602"].suspect(evidence_of(fw.IID(), change=random)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (1 - x, y),
        lambda x, y: (255 * x, y),
        lambda x, y: ((x - x.mean()) / x.std(), y),
    ],
    ids=["inverted", "bytes", "standardised"],
)
@pytest.mark.parametrize("partition", [DIRICHLET, fw.LabelsPerClient(2)])
def test_inputs_prepared_in_another_way_are_named(change, partition):
    setup = setup_of(partition, change=of_hostile(change))
    suspicion = BY_CODE["FW606"].suspect(Evidence(setup))
    assert suspicion is not None and tuple(suspicion.evidence["clients"]) == HOSTILE


@pytest.mark.parametrize(
    ("partition", "model"),
    [
        (fw.IID(), "mlp"),
        (DIRICHLET, "softmax"),
        (fw.LabelsPerClient(1), "softmax"),
        (fw.LabelsPerClient(2), "mlp"),
        (fw.LognormalQuantity(sigma=1.5), "softmax"),
    ],
)
def test_healthy_clients_are_not_accused(partition, model):
    assert suspicions(evidence_of(partition, model)) == {}


def test_clients_are_named_in_words():
    assert named([3]) == "client 3"
    assert named([3, 5, 7]) == "clients 3, 5 and 7"
    assert named(["client-3"]) == "client-3"
    assert named(list(range(12))).endswith("7 and 4 more")
