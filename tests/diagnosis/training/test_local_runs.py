"""Causes that are seen in the records of a run, and in what its clients sent."""

import numpy as np
import optax
import pytest
from local_setups import local, setup, suspected

import fedwhy as fw
from fedwhy.diagnosis.brought import updates_of

ROUNDS = 6


def run(setup):
    """The history of a short run."""
    return setup.train(ROUNDS, 0).history


def updates(before, after, cosine=1.0):
    """What three clients sent, with these mean losses and one cosine between any two."""
    three = np.ones(3)
    cosines = np.full((3, 3), cosine) + (1 - cosine) * np.eye(3)
    sent = updates_of(list(np.ones((3, 2))), ("a", "b", "c"))
    one = sent._replace(cosine=cosines, before=before * three, after=after * three)
    return one, one


def with_fields(history, **fields):
    """The history with further fields in every round's record."""
    return [record | fields if record["round"] else record for record in history]


@pytest.fixture(scope="module")
def healthy(digits):
    made = setup(digits, rounds=ROUNDS)
    return made, run(made)


def test_a_rate_that_makes_the_loss_jump_or_rise_is_too_high_and_not_too_low(digits):
    broken = setup(digits, local(optax.sgd(5.0))).changed(model=fw.Model.from_zoo("mlp"))
    history = run(broken)
    assert suspected("FW301", broken, history).confidence >= 0.4
    assert suspected("FW302", broken, history) is None


def test_clients_that_get_worse_by_training_have_too_high_a_rate(healthy):
    made, history = healthy
    assert suspected("FW301", made, history) is None
    worse = with_fields(history, local_loss_first=1.0, local_loss_last=1.5)
    assert suspected("FW301", made, worse).confidence == 0.7
    by_updates = suspected("FW301", made, history, updates=updates(1.0, 2.0))
    assert by_updates.confidence == 0.35  # The records say that local training lowers the loss.


def test_a_jumping_loss_is_hardly_the_clients_where_they_train_well(healthy):
    made, history = healthy
    jumping = [record | {"train_loss": 1.0 + record["round"] % 2} for record in history]
    fine = with_fields(jumping, local_loss_first=2.0, local_loss_last=1.0)
    bad = with_fields(jumping, local_loss_first=1.0, local_loss_last=2.0)
    assert suspected("FW301", made, fine).confidence <= 0.25
    assert suspected("FW301", made, bad).confidence == 0.7


def test_a_slow_and_steady_loss_is_a_rate_too_low_and_not_too_high(digits):
    broken = setup(digits, local(optax.sgd(1e-4)))
    history = run(broken)
    found = suspected("FW302", broken, history)
    assert found.confidence >= 0.5
    assert suspected("FW301", broken, history) is None
    better = found.prescription.apply(broken).train(ROUNDS, 0).history[-1]
    assert better["test_accuracy"] > history[-1]["test_accuracy"] + 0.2


def test_clients_that_fit_themselves_and_part_drift(digits):
    broken = setup(digits, local(epochs=10, batch_size=10), fw.Shards(1))
    history = run(broken)
    found = suspected("FW303", broken, history)
    assert found.evidence["steps"] > 50
    apart = with_fields(history, local_loss_first=2.0, local_loss_last=0.2, update_cosine=0.05)
    assert suspected("FW303", broken, apart).confidence == 0.5
    fewer = found.prescription.apply(broken).local
    assert (fewer.epochs, fewer.steps) == (1, None)


def test_clients_that_agree_do_not_drift(healthy):
    made, history = healthy
    assert suspected("FW303", made, history) is None


def test_clipping_is_judged_by_how_many_steps_it_touches(healthy):
    made, history = healthy
    clipped = made.with_local(clip_norm=1.0)
    often = with_fields(history, clipped_steps=0.9, gradient_norm=8.0)
    rarely = with_fields(history, clipped_steps=0.1, gradient_norm=0.4)
    assert suspected("FW305", clipped, often).standing
    assert suspected("FW305", clipped, rarely) is None


def test_clipping_is_seen_in_updates_of_full_clipped_length(digits):
    broken = setup(digits, local(clip_norm=0.01))
    history = [
        {k: v for k, v in record.items() if k not in ("clipped_steps", "gradient_norm")}
        for record in run(broken)
    ]
    found = suspected("FW305", broken, history)
    assert 0.5 < found.evidence["reached"] <= 1.0
