"""Edits say the same in an experiment file as they do in Python."""

import optax
import pytest

import fedwhy as fw
from fedwhy.diagnosis import Change, Setup, edits
from fedwhy.diagnosis.edits.algorithm import algorithm

MODEL = fw.Model.from_functions(
    lambda key, example: {"kernel": optax.tree.zeros_like(example)},
    lambda params, x, key, train: x,
    loss=optax.softmax_cross_entropy_with_integer_labels,
)


@pytest.fixture
def setup(digits):
    clients = fw.partition(digits.train, fw.IID(), clients=4, seed=0)
    local = fw.LocalSGD(optax.sgd(0.1), epochs=10, batch_size=20)
    return Setup(fw.fedadam(MODEL, local, learning_rate=1.0), clients, rounds=5, cohort=2)


def test_the_servers_rate_changes_from_what_it_is(setup):
    edit = edits.server_rate(0.01)
    assert edit.apply(setup).arguments["learning_rate"] == pytest.approx(0.01)
    for tables, rate in (
        ({"algorithm": {"name": "fedadam"}, "server": {"learning_rate": 1.0}}, 0.01),
        ({"algorithm": {"name": "fedadam"}}, 0.0001),
        ({"server": {"optimizer": "adagrad"}}, 0.001),
        ({}, 0.01),
    ):
        assert edit.changes(tables) == (Change("server", "learning_rate", pytest.approx(rate)),)


def test_training_shorter_or_longer_says_epochs_where_it_can(setup):
    settings = {"client": {"epochs": 10}}
    shorter = edits.fewer_steps(5, setup)
    assert shorter.apply(setup).local.epochs == 2
    assert shorter.changes(settings) == (Change("client", "epochs", 2),)
    one = setup.with_local(epochs=1)
    short = edits.fewer_steps(5, one).apply(one).local
    assert (short.epochs, short.steps) == (None, 4)
    assert edits.more_steps(3, one).apply(one).local.epochs == 3


def test_another_algorithm_takes_the_keys_of_the_first_away(setup):
    edit = algorithm("scaffold")
    assert edit.apply(setup).algorithm.name == "scaffold"
    assert edit.changes({"algorithm": {"name": "fedprox", "mu": 1.0}}) == (
        Change("algorithm", "mu", None),
        Change("algorithm", "name", "scaffold"),
    )


def test_uniform_sampling_takes_whole_tables_away(setup):
    tables = {"sampler": {"name": "cyclic"}, "clock": {"deadline": 3.0}, "train": {"cohort": 2}}
    edit = edits.uniform_sampling()
    assert edit.changes(tables) == (
        Change("sampler", "name", None),
        Change("clock", "deadline", None),
    )
    sampled = setup.changed(sampler=fw.samplers.Cyclic(), clock=fw.Clock())
    assert edit.apply(sampled) == setup


def test_the_plain_mean_is_found_within_all_wrappers(setup):
    robust = setup.algorithm.with_aggregator(fw.aggregators.median())
    wrapped = setup.changed(algorithm=fw.ema(robust, decay=0.5))
    plain = edits.plain_mean().apply(wrapped).algorithm
    assert plain.aggregator.name == "mean"
    assert plain.recipe.arguments["decay"] == 0.5
