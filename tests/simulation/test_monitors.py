"""What a round's record says of local training, of agreement and of classes, against NumPy."""

import math
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.aggregators import chain, clip, mean, median
from fedwhy.models import Weights
from fedwhy.simulation import Callback, sample_cohort

SIZES = np.array([3, 5, 2, 4])
OWNER = np.repeat(np.arange(4), SIZES)
RATE, BATCH, BOUND, ROUNDS, COHORT = 0.1, 2, 1.5, 5, 3
rng = np.random.default_rng(3)
X = rng.normal(size=(len(OWNER), 3)).astype(np.float32)
Y = (X @ rng.normal(size=3) + 2.0 * OWNER).astype(np.float32)
START = np.array([0.5, -1.0, 2.0])
ENGINES = [fw.Engine(lanes, devices, "off") for lanes, devices in ((1, 1), (3, 1), (1, 2), (2, 2))]

clients = fw.FederatedDataset.from_arrays(X, Y, OWNER)
model = fw.Model.from_functions(
    init=lambda key, example: {"w": jnp.asarray(START, jnp.float32)},
    apply=lambda params, x, key, train: x @ params["w"],
    loss=lambda output, y: (output - y) ** 2 / 2,
)
client = fw.LocalSGD(optax.sgd(RATE), epochs=2, batch_size=BATCH, shuffle=False, clip_norm=BOUND)


def train(algorithm=None, data=clients, rounds=ROUNDS, cohort=COHORT, **options):
    algorithm = algorithm or fw.fedavg(model, client)
    options = {"engine": ENGINES[0], "progress": False, **options}
    return fw.train(algorithm, data, rounds=rounds, cohort=cohort, **options)


def local(w, mine):
    """A client's update, its losses and its gradients' norms, step by step."""
    w, losses, norms = w.copy(), [], []
    for at in [*range(0, len(mine), BATCH)] * 2:
        x, y = (a[mine[at : at + BATCH]].astype(float) for a in (X, Y))
        losses.append(np.mean((x @ w - y) ** 2 / 2))
        gradient = x.T @ (x @ w - y) / len(x)
        norms.append(np.linalg.norm(gradient))
        w -= RATE * gradient * min(1, BOUND / norms[-1])
    return w, losses, norms


def pairwise_cosine(weights, updates):
    """The mean over pairs, each counted by the product of `weight * norm` of both."""
    norms = [np.linalg.norm(u) for u in updates]
    pairs = [(i, j) for i in range(len(updates)) for j in range(i)]
    cosines = [updates[i] @ updates[j] / (norms[i] * norms[j]) for i, j in pairs]
    parts = np.multiply(weights, norms)
    return np.average(cosines, weights=[parts[i] * parts[j] for i, j in pairs])


def by_hand(weigh=lambda n: n, drawn=lambda round: sample_cohort(4, COHORT, 0, round)):
    """The fields of every round, by the algorithm written out."""
    w, records = START.copy(), []
    for round in range(1, ROUNDS + 1):
        cohort = drawn(round)
        did = [local(w, np.flatnonzero(c == OWNER)) for c in cohort]
        ends, losses, norms = zip(*did, strict=True)
        weights = np.array([weigh(SIZES[c]) for c in cohort], float)
        updates = [end - w for end in ends]
        new = w + np.average(updates, axis=0, weights=weights)
        every = np.concatenate(norms)
        records.append(
            {
                "local_loss_first": np.average([x[0] for x in losses], weights=SIZES[cohort]),
                "local_loss_last": np.average([x[-1] for x in losses], weights=SIZES[cohort]),
                "clipped_steps": np.mean(every > BOUND),
                "gradient_norm": np.mean(every),
                "update_cosine": pairwise_cosine(weights, updates),
                "weights_norm": np.linalg.norm(new),
                "step_norm": np.linalg.norm(new - w),
            }
        )
        w = new
    return records


def assert_recorded(run, expected):
    for record, fields in zip(run.history[1:], expected, strict=True):
        found = {name: record[name] for name in fields}
        assert found == pytest.approx(fields, rel=2e-4, abs=1e-5), record["round"]


class EveryRound(Callback):
    """Looks at every round, so that each is a dispatch of its own."""


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_records_are_those_of_the_algorithm_written_out(engine):
    assert_recorded(train(engine=engine), by_hand())


def test_they_do_not_depend_on_how_many_rounds_run_at_once():
    alone, together = (train(callbacks=c).history for c in ([EveryRound()], []))
    costs = {"seconds", "memory"}
    assert [{k: r[k] for k in r.keys() - costs} for r in alone] == [
        {k: r[k] for k in r.keys() - costs} for r in together
    ]


def test_messages_weigh_as_the_mean_weighs_them():
    algorithm = fw.fedavg(model, client, weighting="uniform")
    assert_recorded(train(algorithm), by_hand(weigh=lambda n: 1))


def test_a_refused_client_counts_nowhere():
    x = np.where(OWNER[:, None] == 2, np.float32(1e30), X)
    data = fw.FederatedDataset.from_arrays(x, Y, OWNER)
    run = train(data=data, cohort=4)
    assert [r["refused"] for r in run.history[1:]] == [1] * ROUNDS
    assert_recorded(run, by_hand(drawn=lambda round: np.array([0, 1, 3])))


def test_a_gradient_that_no_bound_touches_is_not_clipped():
    run = train(fw.fedavg(model, replace(client, clip_norm=1e6)))
    assert all(r["clipped_steps"] == 0 and r["gradient_norm"] > 0 for r in run.history[1:])
    run = train(fw.fedavg(model, replace(client, clip_norm=None, clip_tensor=1e-6)))
    assert all(r["clipped_steps"] == 1 for r in run.history[1:])


def test_a_chain_that_ends_in_a_mean_compares_what_reaches_the_mean():
    algorithm = fw.fedavg(model, client).with_aggregator(chain(clip(1e-3), mean("uniform")))
    ends = [local(START, np.flatnonzero(c == OWNER))[0] for c in range(4)]
    units = [(end - START) / np.linalg.norm(end - START) for end in ends]
    record = train(algorithm, cohort=4).history[1]
    assert record["update_cosine"] == pytest.approx(pairwise_cosine(np.ones(4), units), rel=1e-3)


def test_what_has_no_meaning_is_left_out():
    assert "update_cosine" not in train(cohort=1).history[1]
    robust = train(fw.fedavg(model, client).with_aggregator(median())).history[1]
    assert "update_cosine" not in robust and "step_norm" in robust
    plain = train(fw.fedavg(model, replace(client, clip_norm=None))).history[1]
    assert not {"clipped_steps", "gradient_norm", "state_spread"} & plain.keys()
    gradient = train(fw.fedsgd(model, fw.FullGradient())).history[1]
    assert "local_loss_first" not in gradient and "update_cosine" in gradient


def test_a_run_that_goes_on_records_the_same(tmp_path):
    whole = train(callbacks=[fw.RunFolder(tmp_path / "whole")])
    train(rounds=2, callbacks=[fw.RunFolder(tmp_path / "parts")])
    again = train(resume=tmp_path / "parts", callbacks=[fw.RunFolder(tmp_path / "parts")])
    fields = by_hand()[0].keys()
    assert [{n: r.get(n) for n in fields} for r in whole.history] == [
        {n: r.get(n) for n in fields} for r in again.history
    ]


def remembering():
    """A model whose state is the last batch's mean input, and a counter."""

    def init(key, example):
        return Weights(model.init(key, example).params, (jnp.ones(3), jnp.int32(5)))

    def apply(params, state, x, key, train):
        moved = (jnp.mean(x, 0), state[1] + 1) if train else state
        return x @ params["w"], moved

    return replace(model, init=init, apply=apply)


@pytest.mark.parametrize("engine", ENGINES[:3], ids=str)
def test_state_spread_is_how_far_states_lie_from_their_mean(engine):
    run = train(fw.fedavg(remembering(), client), cohort=4, engine=engine)
    lasts = [np.flatnonzero(c == OWNER)[(n - 1) // BATCH * BATCH :] for c, n in enumerate(SIZES)]
    # A batch that is not full is filled up with its own examples, of which the model sees means.
    states = np.array([X[np.resize(rows, BATCH)].mean(0) for rows in lasts])
    centre = np.average(states, axis=0, weights=SIZES)
    square = np.average(((states - centre) ** 2).sum(1), weights=SIZES)
    expected = math.sqrt(square) / np.linalg.norm(centre)
    assert [r["state_spread"] for r in run.history[1:]] == pytest.approx([expected] * 5, rel=1e-3)


@pytest.mark.parametrize("state", ["client", "frozen"])
def test_state_that_is_not_sent_has_no_spread(state):
    run = train(fw.fedavg(remembering(), replace(client, state=state)))
    assert all("state_spread" not in record for record in run.history)


def test_classes_of_the_test_set_are_counted(digits, softmax):
    data = fw.partition(digits.train, fw.IID(), clients=4, seed=0)
    algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.3)))
    for engine in ENGINES[1:3]:
        run = train(algorithm, data, rounds=1, test=digits.test, engine=engine)
        guess, truth = run.predict(digits.test.x).argmax(-1), digits.test.y
        recall = [np.mean(guess[truth == c] == c) for c in range(10)]
        assert run.history[-1]["test_recall"] == pytest.approx(recall)
        share = np.bincount(guess, minlength=10) / len(guess)
        assert run.history[-1]["test_predicted"] == pytest.approx(share)
        assert run.history[0]["test_predicted"] == [1.0] + [0.0] * 9


def test_ignored_examples_and_classes_that_are_missing(digits, softmax):
    low = digits.test.y < 8
    few = fw.Dataset(digits.test.x[low], digits.test.y[low], "few", classes=10)
    data = fw.partition(digits.train, fw.IID(), clients=4, seed=0)
    algorithm = fw.fedavg(replace(softmax, ignored_class=3), fw.LocalSGD(optax.sgd(0.3)))
    last = train(algorithm, data, rounds=1, test=few).history[-1]
    assert [c for c in range(10) if math.isnan(last["test_recall"][c])] == [3, 8, 9]
    assert sum(last["test_predicted"]) == pytest.approx(1)


def test_records_of_many_classes_stay_short():
    y = np.arange(202) % 101
    data = fw.FederatedDataset.from_arrays(np.eye(202, dtype=np.float32), y, np.arange(202) % 2)
    wide = fw.Model.from_zoo("softmax", classes=101)
    test = fw.Dataset(data.x, data.y, "wide", classes=101)
    run = train(fw.fedavg(wide, fw.LocalSGD(optax.sgd(0.1))), data, 1, 2, test=test)
    assert "test_accuracy" in run.history[-1] and "test_recall" not in run.history[-1]
