"""Edits say the same in an experiment file as they do in Python."""

import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.diagnosis import Change, Setup, edits
from fedwhy.diagnosis.edits.algorithm import algorithm
from fedwhy.diagnosis.edits.data import examples, only
from fedwhy.diagnosis.edits.training import same_for_all_sizes
from fedwhy.errors import ParameterError

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


def test_arguments_of_the_old_server_are_not_those_of_the_new(setup):
    tables = {"server": {"optimizer": "sgd", "momentum": 0.0, "averaging": "ema", "decay": 0.9}}
    gone = {key for table, key, _ in algorithm("fedavgm").changes(tables) if table == "server"}
    assert gone == {"optimizer", "momentum"}
    assert not [c for c in algorithm("fedprox").changes(tables) if c.table == "server"]
    assert ("server", "decay", None) not in edits.plain_server().changes(tables)


def test_a_cap_goes_with_its_weighting(setup):
    tables = {"algorithm": {"weighting": "capped", "cap": 3.0}}
    assert Change("algorithm", "cap", None) in edits.weighted("", "examples").changes(tables)
    assert [key for _, key, _ in algorithm("scaffold").changes(tables)] == ["name"]


def test_another_optimizer_leaves_the_momentum_behind(setup):
    adam = edits.optimizer("Adam", optax.adam(1e-3), optimizer="adam")
    assert Change("client", "momentum", None) in adam.changes({"client": {"momentum": 0.9}})
    assert adam.changes({"client": {}}) == (Change("client", "optimizer", "adam"),)


def test_one_rate_for_all_sizes_is_that_of_the_median_client(setup):
    tables = {"client": {"learning_rate": 0.1, "rate_reference": 1000.0, "rate_least": 0.01}}
    assert same_for_all_sizes(100).changes(tables) == (
        *(Change("client", key, None) for key in ("rate_reference", "rate_least")),
        Change("client", "learning_rate", pytest.approx(0.01)),
    )


def test_rows_that_other_edits_have_moved_are_not_left_out(setup):
    clients = setup.clients
    edit = examples("", only(clients, np.arange(len(clients)) > 0), of=("clients",))
    assert len(edit.apply(setup).clients) == len(clients) - 1
    fewer = setup.changed(clients=clients.select([0, 1]))
    with pytest.raises(ParameterError, match="other examples than those that were looked at"):
        edit.apply(fewer)


def test_uniform_sampling_takes_whole_tables_away(setup):
    tables = {"sampler": {"name": "cyclic"}, "clock": {"deadline": 3.0}, "train": {"cohort": 2}}
    edit = edits.uniform_sampling()
    assert edit.changes(tables) == (
        Change("sampler", "name", None),
        Change("clock", "deadline", None),
    )
    sampled = setup.changed(sampler=fw.samplers.Cyclic(), clock=fw.Clock())
    assert edit.apply(sampled) == setup


def test_the_plain_mean_is_attacked_as_the_rule_was(setup):
    robust = fw.aggregators.chain(
        fw.aggregators.momentum(), attacked(fw.aggregators.krum(byzantine=1))
    )
    plain = edits.plain_mean().apply(
        setup.changed(algorithm=setup.algorithm.with_aggregator(robust))
    )
    assert plain.algorithm.aggregator.name == "mean under scale"
    assert plain.algorithm.aggregator.recipe.arguments["clients"] == (2,)


def attacked(rule):
    return fw.aggregators.attacked(rule, fw.aggregators.attacks.scale(), clients=(2,))


def test_the_plain_mean_is_found_within_all_wrappers(setup):
    robust = setup.algorithm.with_aggregator(fw.aggregators.median())
    wrapped = setup.changed(algorithm=fw.ema(robust, decay=0.5))
    plain = edits.plain_mean().apply(wrapped).algorithm
    assert plain.aggregator.name == "mean"
    assert plain.recipe.arguments["decay"] == 0.5
