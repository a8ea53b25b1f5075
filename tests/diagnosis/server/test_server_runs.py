"""Causes that are seen in the records of a run, and in what its clients sent."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from server_setups import LOCAL, setup, suspected

import fedwhy as fw
from fedwhy import aggregators as ag
from fedwhy.diagnosis.brought import updates_of
from fedwhy.diagnosis.edits.aggregator import attacks_in

ROUNDS = 6


def with_fields(history, **fields):
    """The history with further fields in every round's record."""
    return [record | fields if record["round"] else record for record in history]


@pytest.fixture(scope="module")
def healthy(digits):
    made = setup(digits, rounds=ROUNDS)
    return made, made.train(ROUNDS, 0).history


def test_a_jumping_loss_is_the_servers_where_its_steps_are_longer_than_updates(healthy, digits):
    made, history = healthy
    jumping = [record | {"test_loss": 1.0 + record["round"] % 2} for record in history]
    adam = setup(digits, build=fw.fedadam, learning_rate=0.1)
    long = with_fields(jumping, step_norm=9.0, aggregate_norm=1.0)
    assert suspected("FW401", adam, long).confidence > 0.5
    assert suspected("FW401", made, with_fields(jumping, step_norm=1.0, aggregate_norm=1.0)) is None


def test_an_adaptive_server_that_hardly_moves_is_too_slow(digits):
    broken = setup(digits, build=fw.fedadam, learning_rate=1e-5)
    history = broken.train(ROUNDS, 0).history
    found = suspected("FW402", broken, history)
    assert found.confidence >= 0.6
    better = found.prescription.apply(broken).train(ROUNDS, 0).history[-1]
    assert better["test_loss"] < history[-1]["test_loss"] - 0.02


def test_a_loss_that_never_changes_is_of_another_model(healthy):
    made, history = healthy
    constant = [record | {"test_loss": 2.3} for record in history]
    assert suspected("FW410", made, constant).evidence["frozen"] == "test_loss"
    assert suspected("FW410", made, history) is None


def test_two_groups_that_contradict_each_other_are_told_apart(healthy):
    made, _ = healthy
    side = np.array([1, 1, 1, -1, 1, -1, 1])
    cosine = np.where(np.eye(7, dtype=bool), 1.0, 0.4 * np.outer(side, side))
    sent = updates_of(list(np.ones((7, 3))), tuple("abcdefg"))._replace(cosine=cosine)
    found = suspected("FW411", made, updates=(sent, sent))
    assert found.evidence["opposite_pairs"] == pytest.approx(10 / 21)
    alone = found.counterfactual.apply(made)
    assert alone.clients.ids.tolist() == made.clients.ids[[0, 1, 2, 4, 6]].tolist()
    assert alone.cohort == 5
    assert found.prescription.apply(made).algorithm.name == "ifca"
    agreeing = sent._replace(cosine=np.abs(cosine))
    assert suspected("FW411", made, updates=(agreeing, agreeing)) is None


def test_groups_of_the_same_labels_and_opposite_updates_contradict_each_other_for_sure(digits):
    made, side = setup(digits, fw.IID(), number=7), np.array([1, 1, 1, -1, 1, -1, 1])
    same, names = np.outer(side, side), tuple("abcdefg")
    sent = updates_of(list(np.ones((7, 3))), names)
    first = sent._replace(cosine=np.where(same > 0, 0.7, 0.0))
    trained = sent._replace(cosine=0.6 * same)
    found = suspected("FW411", made, updates=(first, trained))
    assert found.standing and found.evidence["smaller_group"] == [3, 5]
    sampler: Any = found.prescription.apply(made).sampler
    assert sampler.left_out == (3, 5)
    alike = sent._replace(cosine=np.full((7, 7), 0.7))
    assert suspected("FW411", made, updates=(alike, trained)) is None


def test_clients_that_improve_in_vain_are_seen_and_given_another_aggregation(healthy):
    made, history = healthy
    flat = [record | {"test_loss": 2.3} for record in history]
    in_vain = with_fields(flat, local_loss_first=2.3, local_loss_last=0.4)
    assert suspected("FW413", made, in_vain).prescription.apply(made).algorithm.name == "scaffold"
    robust = made.changed(algorithm=made.algorithm.with_aggregator(fw.aggregators.median()))
    edit = suspected("FW413", robust, in_vain).prescription
    assert edit.apply(robust).algorithm.aggregator.name == "mean"
    improving = with_fields(history, local_loss_first=2.3, local_loss_last=0.4)
    assert suspected("FW413", made, improving) is None


def test_the_plain_mean_takes_the_place_of_a_rule_under_all_of_its_attacks(healthy):
    made, history = healthy
    in_vain = with_fields(history, test_loss=2.3, local_loss_first=2.3, local_loss_last=0.4)
    inner = ag.attacked(ag.median(), ag.attacks.sign_flip(), clients=[1])
    rule = ag.chain(ag.clip(1.0), ag.attacked(inner, ag.attacks.scale(2.0), clients=[4]))
    robust = made.changed(algorithm=made.algorithm.with_aggregator(rule))
    edit = suspected("FW413", robust, in_vain).prescription
    plain = edit.apply(robust).algorithm.aggregator
    attacks = [attack.arguments["clients"] for attack in attacks_in(plain)]
    assert (plain.name, attacks) == ("mean under sign_flip under scale", [[1], [4]])


def test_recall_that_comes_and_goes_is_forgetting(digits):
    long = replace(LOCAL, epochs=10)
    broken = setup(digits, fw.Shards(2), client=long, cohort=2, rounds=8)
    history = broken.train(8, 0).history
    by_accuracy = [
        {name: value for name, value in record.items() if name != "test_recall"}
        for record in history
    ]
    assert suspected("FW414", broken, by_accuracy) is not None
    recall = [record | {"test_recall": [1.0, float(record["round"] % 2)]} for record in by_accuracy]
    found = suspected("FW414", broken, recall)
    assert found.evidence["forgotten"] == pytest.approx(2 / 7)
    assert found.counterfactual.apply(broken).cohort == 10
    everyone = broken.changed(cohort=10)
    assert suspected("FW414", everyone, recall) is None


def test_forgetting_by_turns_is_proved_without_the_turns_and_that_of_old_models_is_not_suspected(
    digits,
):
    made = setup(digits, fw.Shards(2), cohort=2, rounds=8)
    history = [{"round": n, "test_recall": [1.0, float(n % 2)]} for n in range(8)]
    turns = fw.samplers.Available(fw.samplers.Uniform(), fw.samplers.BlockCyclic(5, 2))
    edit = suspected("FW414", made.changed(sampler=turns), history).counterfactual
    together = edit.apply(made.changed(sampler=turns))
    assert (together.sampler, together.cohort) == (None, 10)
    settings = {"availability": {"name": "block_cyclic"}, "train": {"cohort": 2}}
    assert ("availability", "name", None) in edit.changes(settings)
    late = made.changed(sampler=fw.samplers.Asynchronous(concurrency=10), clock=fw.Clock())
    assert suspected("FW414", late, history) is None


def test_a_healthy_run_raises_no_finding_that_stands(healthy):
    made, history = healthy
    codes = [f"FW4{number:02}" for number in range(1, 15)]
    assert not any(
        found and found.standing for c in codes if (found := suspected(c, made, history))
    )
