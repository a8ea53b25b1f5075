"""`Watch` says what goes wrong when it happens, once, and nothing of healthy runs."""

import logging
import math
from typing import Any

import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.diagnosis import Watch
from fedwhy.diagnosis.watching import (
    JUDGES,
    Seen,
    at_the_base_rate,
    below_earlier,
    collapse,
    explosion,
    falling,
    few_classes,
    frozen,
    refusals,
)

HEALTHY = {
    "aggregate_norm": 1.0,
    "step_norm": 1.0,
    "weights_norm": 10.0,
    "update_norm_mean": 1.0,
    "update_norm_max": 2.0,
    "local_loss_first": 2.0,
    "local_loss_last": 0.5,
    "train_loss": 1.0,
    "clients": 5,
    "refused": 0,
}
EVEN = [0.1] * 10


def seen(accuracies, losses=None, examples: Any = 1000, predicted=EVEN, recall=EVEN, **fields: Any):
    """A run with these test accuracies, of round 0 and on; fields are those of every round."""
    run = Seen.nothing(examples, base=0.1)
    losses = [2.3] * len(accuracies) if losses is None else losses
    for round, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True)):
        each = {k: v[round] if isinstance(v, tuple) else v for k, v in fields.items()}
        tested = {"test_accuracy": accuracy, "test_loss": loss}
        classes = {"test_predicted": predicted, "test_recall": recall}
        run.add({"round": round, **tested, **classes, **(HEALTHY | each if round else {})})
    return run


def learning(rounds=40, noise=0.02, seed=0):
    """Accuracies of a healthy run."""
    t = np.arange(rounds)
    curve = 0.9 - 0.8 * np.exp(-t / 8)
    return np.clip(curve + noise * np.random.default_rng(seed).normal(size=rounds), 0, 1).tolist()


def codes(run):
    return [event.code for judge in JUDGES if (event := judge(run))]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("examples", "noise"), [(10_000, 0.005), (1000, 0.03), (60, 0.06)])
def test_a_learning_run_is_left_alone_whatever_its_noise(seed, examples, noise):
    accuracies = learning(noise=noise, seed=seed)
    losses = [2.5 - 2 * a for a in accuracies]
    assert all(
        codes(seen(accuracies[:n], losses[:n], examples)) == [] for n in range(1, len(accuracies))
    )


def test_the_base_rate_is_an_event_where_the_loss_stands_still():
    flat = [0.1] * 8
    assert at_the_base_rate(seen(flat)).code == "FW413"
    bad = {"local_loss_last": 2.0}
    assert at_the_base_rate(seen(flat, step_norm=1e-4, **bad)).code == "FW302"
    assert at_the_base_rate(seen(flat, **bad)).code == "FW301"
    assert at_the_base_rate(seen(flat, losses=np.linspace(2.3, 2.2, 8))) is None
    assert at_the_base_rate(seen(flat[:6])) is None


def test_accuracy_that_falls_and_stays_below():
    fallen = [*learning(20, 0.0), 0.5, 0.5, 0.5, 0.5]
    assert falling(seen(fallen)).code == "FW301"
    assert falling(seen(fallen, update_norm_max=50.0)).code == "FW604"
    assert falling(seen(fallen[:-1])) is None and below_earlier(seen(fallen)) is None
    assert below_earlier(seen([*fallen, *[0.5] * 6])).code == "FW414"
    assert below_earlier(seen([*learning(20, 0.0), *np.linspace(0.3, 0.8, 8)])) is None


def test_a_test_set_of_few_examples_may_fall_far_by_chance():
    fallen = [*learning(20, 0.0), 0.7, 0.7, 0.7, 0.7]
    assert falling(seen(fallen, examples=10_000)) and falling(seen(fallen, examples=40)) is None


def test_predictions_of_one_class_or_of_few():
    one = [0.0] * 9 + [1.0]
    assert collapse(seen([0.1] * 4, predicted=one)).code == "FW303"
    assert collapse(seen([0.1] * 4, predicted=one, local_loss_last=3.0)).code == "FW301"
    assert collapse(seen([0.1] * 4, predicted=one, step_norm=9.0)).code == "FW401"
    assert collapse(seen([0.1] * 3, predicted=one)) is None
    half = [0.0] * 8 + [0.9, math.nan]
    assert few_classes(seen([0.2] * 11, recall=half)).code == "FW303"
    assert few_classes(seen([0.2] * 11, recall=[0.5] * 10)) is None
    assert few_classes(seen(np.linspace(0.15, 0.5, 11), recall=half)) is None


def test_losses_that_explode_and_what_is_not_finite():
    losses = [2.3, 1.0, 0.5, 30.0, 50.0]
    assert explosion(seen([0.5] * 5, losses)).code == "FW301"
    assert explosion(seen([0.5] * 5, losses, step_norm=9.0)).code == "FW401"
    assert explosion(seen([0.5] * 4, losses[:4])) is None  # Once may be chance.
    assert "not finite" in explosion(seen([0.5] * 2, [2.3, math.nan])).what
    assert "aggregate" in explosion(seen([0.5] * 2, aggregate_norm=math.inf)).what
    assert explosion(seen([0.9] * 5, [2.3, 0.02, 0.5, 1.0, 1.5])) is None  # It overfits.


def test_clients_whose_updates_keep_being_refused():
    nan = {"refused_clients": {"c3": "its update is not finite"}, "refused": 1}
    assert (
        refusals(seen([0.5] * 4, **nan)).code == "FW601"
        and refusals(seen([0.5] * 3, **nan)) is None
    )
    far = nan | {"refused_clients": {"c3": "the norm of its update is out of bounds"}}
    assert refusals(seen([0.5] * 4, **far)).code == "FW604"
    assert refusals(seen([0.5] * 4, **nan | {"refused": 9})).code == "FW301"


def test_a_model_that_no_longer_changes_unless_it_has_learned():
    still = {"step_norm": 1e-9, "update_norm_max": 1e-9}
    assert frozen(seen([0.1] * 4, **still)).code == "FW302"
    assert frozen(seen([0.1] * 4, **still | {"update_norm_max": 0.0})).code == "FW215"
    assert frozen(seen([0.1] * 4, **still | {"update_norm_max": 1.0})).code == "FW402"
    assert frozen(seen([0.1] * 4, **still, clipped_steps=1.0)).code == "FW305"
    assert frozen(seen([0.1] * 6, **still | {"step_norm": (0, 5, 5, 0, 0, 0)})).code == "FW301"
    assert frozen(seen([0.1, 0.9, 0.9, 0.9], [2.3, 0.2, 0.2, 0.2], **still)) is None


def run(digits, rate=0.1, rounds=8, **options):
    clients = fw.partition(digits.train, fw.Dirichlet(alpha=1.0), clients=10, seed=0)
    algorithm = fw.fedavg(fw.Model.from_zoo("mlp"), fw.LocalSGD(optax.sgd(rate), batch_size=20))
    options = {"cohort": 5, "test": digits.test, "progress": False, **options}
    return fw.train(algorithm, clients, rounds=rounds, callbacks=[Watch()], **options)


def test_a_real_run_that_does_not_learn_is_told_of_once(digits, caplog):
    with caplog.at_level(logging.WARNING, "fedwhy"):
        history = run(digits, rate=30.0).history
    said = [remark for record in history for remark in record.get("remarks", [])]
    assert any("FW301" in remark for remark in said)
    assert len({remark.split(";")[0] for remark in said}) == len(said) == len(caplog.messages)


def test_a_real_run_that_learns_is_left_alone(digits, caplog):
    with caplog.at_level(logging.WARNING, "fedwhy"):
        assert not any("remarks" in record for record in run(digits, rounds=15).history)
    assert caplog.messages == []


def test_a_run_that_goes_on_says_nothing_again(digits, tmp_path):
    folder = fw.RunFolder(tmp_path / "run")
    clients = fw.partition(digits.train, fw.IID(), clients=5, seed=0)
    algorithm = fw.fedavg(fw.Model.from_zoo("mlp"), fw.LocalSGD(optax.sgd(0.0), batch_size=20))
    options = {"cohort": 5, "test": digits.test, "progress": False}
    first = fw.train(algorithm, clients, rounds=4, callbacks=[Watch(), folder], **options)
    assert [r["round"] for r in first.history if "remarks" in r] == [3]
    folder = fw.RunFolder(tmp_path / "run")
    again = fw.train(
        algorithm, clients, rounds=6, callbacks=[Watch(), folder], resume=folder.path, **options
    )
    assert [r["round"] for r in again.history if "remarks" in r] == [3]
    assert '"remarks": [' in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert "test_recall" in (tmp_path / "run" / "metrics.jsonl").read_text()
    assert (tmp_path / "run" / "report.html").exists()
