"""The round loop: determinism, sampling, evaluation, stopping."""

import os
import signal
import threading
import time
from typing import Any

import jax
import numpy as np
import optax
import pytest
from sklearn.metrics import log_loss

import fedwhy as fw
from fedwhy.simulation import Callback, cohort_size, sample_cohort
from fedwhy.simulation.callbacks import evaluations_since_best


@pytest.fixture
def clients(digits):
    return fw.partition(digits.train, fw.Dirichlet(0.3), clients=12, seed=2)


@pytest.fixture
def algorithm(softmax):
    return fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.2), batch_size=16))


def train(algorithm, clients, rounds=4, **options):
    options = {"cohort": 5, "progress": False, **options}
    return fw.train(algorithm, clients, rounds=rounds, **options)


def same(a, b):
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


def test_same_seed_gives_the_same_run_bit_for_bit(algorithm, clients):
    first, second = (train(algorithm, clients, seed=3) for _ in range(2))
    assert same(first.server, second.server)
    assert not same(first.server, train(algorithm, clients, seed=4).server)


def test_what_a_notebook_shows_is_a_line(clients, digits):
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax", classes=10), fw.LocalSGD(optax.sgd(0.2)))
    whole = "Algorithm('fedavg', Model(zoo softmax), Aggregator('clip, mean'))"
    pieces = fw.aggregators.clip(1.0), fw.aggregators.mean()
    assert repr(algorithm.with_aggregator(fw.aggregators.chain(*pieces))) == whole
    run = train(algorithm, clients, rounds=1, test=digits.test)
    scores = f"test_accuracy {run.test_accuracy:.4g}, test_loss {run.test_loss:.4g}"
    assert repr(run) == f"Run('fedavg', 'digits', rounds 1, {scores})"


def test_cohort_is_drawn_without_replacement_and_uniformly():
    draws = np.array([sample_cohort(20, 5, 0, r) for r in range(4000)])
    assert all(len(set(draw)) == 5 for draw in draws)
    counts = np.bincount(draws.ravel(), minlength=20)
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000 * 0.75)


@pytest.mark.parametrize(
    ("cohort", "size"), [(7, 7), (0.1, 2), (np.float32(0.1), 2), (0.001, 1), (1.0, 20)]
)
def test_cohort_may_be_a_number_or_a_fraction(cohort, size):
    assert cohort_size(cohort, 20) == size


@pytest.mark.parametrize("cohort", [0, -1, 21, 1.5, 0.0, True, "ten", None])
def test_impossible_cohort_is_refused(cohort):
    with pytest.raises(fw.FedwhyError, match="^cohort: "):
        cohort_size(cohort, 20)


def test_evaluation_equals_scikit_learn(algorithm, clients, digits):
    run = train(algorithm, clients, test=digits.test, test_clients=clients)
    scores = run.predict(digits.test.x)
    probabilities = np.exp(scores - scores.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    assert run.test_loss == pytest.approx(log_loss(digits.test.y, probabilities), rel=1e-4)
    assert run.test_accuracy == pytest.approx((scores.argmax(1) == digits.test.y).mean())

    hits = run.predict(clients.x).argmax(1) == clients.y
    each = [hits[clients.owner == c].mean() for c in range(12)]
    last = run.history[-1]
    assert last["clients_accuracy"] == pytest.approx(hits.mean())
    assert last["clients_accuracy_unweighted"] == pytest.approx(np.mean(each))


def test_evaluates_before_every_k_rounds_and_at_the_end(algorithm, clients, digits):
    run = train(algorithm, clients, rounds=5, test=digits.test, evaluate_every=2)
    assert [r["round"] for r in run.history if "test_loss" in r] == [0, 2, 4, 5]


def test_early_stop_counts_evaluations_without_improvement(clients, softmax):
    still = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.0), batch_size=16))
    stop = fw.EarlyStop("train_loss", patience=3, minimum_change=10.0)
    run = train(still, clients, rounds=50, callbacks=[stop])
    assert run.rounds == 4
    assert "train_loss has not improved" in str(run.stopped)


def test_early_stop_refuses_a_metric_that_is_not_recorded(algorithm, clients):
    with pytest.raises(fw.FedwhyError, match="metric: .*'test_los'.*train_loss"):
        train(algorithm, clients, callbacks=[fw.EarlyStop("test_los")])


def test_early_stop_counts_values_that_are_not_finite_as_no_improvement():
    assert evaluations_since_best([np.nan, 3.0, 2.0, 1.0], lower=True, change=0.0) == 0
    assert evaluations_since_best([1.0, np.inf, np.nan], lower=True, change=0.0) == 2
    assert evaluations_since_best([np.inf, np.inf], lower=True, change=0.0) == 1


def test_resumed_run_that_had_stopped_early_does_not_go_on(clients, softmax, tmp_path):
    still = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.0), batch_size=16))
    for resume in (None, tmp_path / "r"):
        callbacks = [fw.EarlyStop("train_loss", 2, 10.0), fw.RunFolder(tmp_path / "r")]
        run = train(still, clients, rounds=50, callbacks=callbacks, resume=resume)
        assert run.rounds == 3
        assert "train_loss has not improved" in str(run.stopped)


def test_resume_for_fewer_rounds_than_are_done_is_refused(algorithm, clients, tmp_path):
    train(algorithm, clients, rounds=3, callbacks=[fw.RunFolder(tmp_path / "r")])
    with pytest.raises(fw.FedwhyError, match="rounds: .*has done 3, more than 2"):
        train(algorithm, clients, rounds=2, resume=tmp_path / "r")


def test_resume_with_other_data_is_refused(algorithm, clients, digits, tmp_path):
    train(algorithm, clients, rounds=1, callbacks=[fw.RunFolder(tmp_path / "r")])
    other = fw.partition(digits.train, fw.Dirichlet(0.3), clients=12, seed=3)
    with pytest.raises(fw.FedwhyError, match="its run had data = "):
        train(algorithm, other, rounds=2, resume=tmp_path / "r")


def test_numpy_numbers_are_taken(algorithm, clients):
    numbers: dict[str, Any] = {"rounds": np.int64(1), "cohort": np.int32(3), "seed": np.uint8(4)}
    run = train(algorithm, clients, **numbers)
    assert (run.rounds, run.cohort, run.seed) == (1, 3, 4)


class Watch(Callback):
    """Counts how often it is called; looks at every round, or at none."""

    def __init__(self, looks):
        self.looks, self.calls = looks, 0

    def looks_at(self, round):
        return self.looks

    def on_round(self, training):
        self.calls += 1


@pytest.mark.parametrize("learning_rate", [0.05, 1e30])
def test_rounds_run_several_at_once_unless_somebody_looks_and_are_the_same(
    softmax, clients, learning_rate
):
    runs, watches = [], [Watch(True), Watch(False)]
    for watch in watches:
        algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(learning_rate), batch_size=16))
        runs.append(train(algorithm, clients, rounds=40, callbacks=[watch]))
    one, several = runs
    if learning_rate < 1:
        assert watches[0].calls == 40 > watches[1].calls
    assert one.diverged == several.diverged == (learning_rate > 1)
    assert same(one.server, several.server)
    for a, b in zip(one.history, several.history, strict=True):
        cost = {"seconds": 0, "memory": 0}
        assert {**a, **cost} == {**b, **cost}


class AtRound(Callback):
    def __init__(self, round, action):
        self.round, self.action = round, action

    def on_round(self, training):
        if training.round == self.round:
            self.action()


def test_first_interrupt_ends_the_run_after_its_round(algorithm, clients):
    interrupt = AtRound(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    run = train(algorithm, clients, rounds=50, callbacks=[interrupt])
    assert run.interrupted
    assert run.rounds == 2


def test_second_interrupt_ends_the_run_at_once(algorithm, clients):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)

    run = train(algorithm, clients, rounds=50, callbacks=[AtRound(2, twice)])
    assert run.interrupted
    assert run.rounds == 2


def test_trains_in_a_thread_where_signals_cannot_be_caught(algorithm, clients):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(train(algorithm, clients, rounds=1)))
    thread.start()
    thread.join()
    assert runs[0].rounds == 1


def test_run_in_which_no_update_is_finite_stops_and_keeps_its_model(quadratics, quadratic_model):
    local = fw.LocalSGD(optax.sgd(1e20), steps=3, batch_size=1)
    run = train(fw.fedavg(quadratic_model, local), quadratics, rounds=9, cohort=4)
    assert run.diverged
    assert run.rounds == 0
    assert [r.get("void") for r in run.history] == [None, True, True, True]
    assert len(run.history[1]["refused_clients"]) == run.history[1]["refused"] == 4
    assert "in 3 rounds in a row" in str(run.stopped)
    assert "not finite" in str(run.stopped)
    assert run.weights.params["w"] == 10.0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.nan, 0, "client .?1.*x holds nan"),
        (0.0, 10, "client 1.*label 10"),
        (0.0, -1, "client 1.*label -1"),
    ],
)
def test_unusable_example_is_named_before_anything_runs(algorithm, digits, x, y, message):
    images, labels = digits.train.x[:20].copy(), digits.train.y[:20].copy()
    if x != 0.0:
        images[13, 2, 2, 0] = x
    else:
        labels[13] = y
    clients = fw.FederatedDataset.from_arrays(images, labels, np.arange(20) // 10, classes=10)
    with pytest.raises(fw.FedwhyError, match=message):
        train(algorithm, clients, cohort=2)


def test_model_with_other_outputs_than_classes_is_refused(algorithm, digits):
    from dataclasses import replace

    clients = fw.partition(replace(digits.train, classes=12), fw.IID(), clients=3)
    with pytest.raises(fw.FedwhyError, match="10 outputs.*12 classes"):
        train(algorithm, clients, cohort=2)


def test_test_set_prepared_otherwise_is_refused(algorithm, clients, digits):
    from dataclasses import replace

    flat = replace(digits.test, x=digits.test.x.reshape(-1, 64))
    with pytest.raises(fw.FedwhyError, match="prepare both alike"):
        train(algorithm, clients, test=flat)


@pytest.mark.parametrize("devices", [1, 2])
def test_trained_model_can_be_evaluated_whatever_it_was_trained_on(
    algorithm, clients, digits, devices
):
    run = train(algorithm, clients, test=digits.test, engine=fw.Engine(devices=devices))
    assert run.evaluate(digits.test).weighted["loss"] == pytest.approx(run.test_loss, rel=1e-6)
    assert run.evaluate(clients).unweighted["accuracy"] > 0.1
