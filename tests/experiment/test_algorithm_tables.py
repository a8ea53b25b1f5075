"""What an experiment file says of its algorithm is what is built, and what is listed is so."""

from dataclasses import replace
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.aggregators import capped
from fedwhy.algorithms import ALGORITHMS, Client, rates, trust
from fedwhy.errors import ParameterError
from fedwhy.experiment import catalogue, tables
from fedwhy.experiment.local import local_training

CLIENT = Client(*map(jnp.int32, (0, 30, 3, 0)), chance=jnp.float32(1))


def experiment(*changes):
    quick = ("model.name=softmax", "train.rounds=2", "train.evaluate_every=2")
    return fw.Experiment.read(None, [*quick, "train.lowering=off", "train.devices=1", *changes])


def test_client_keys_are_local_training():
    changes = {
        "clip_tensor": "0.5",
        "clip_update": "2.0",
        "personal": '["*/bias"]',
        "rate_decay": "0.5",
        "rate_reference": "20",
        "rate_most": "1.25",
        "proximal": "0.25",
        "optimizer": "delta_sgd",
    }
    built = experiment(*(f"client.{key}={value}" for key, value in changes.items()))
    local = local_training(built.file, cast(tables.Client, built.tables["client"]), ())
    assert local.rate is not None
    assert (local.clip_tensor, local.clip_update, local.personal) == (0.5, 2.0, ("*/bias",))
    assert local.proximal == 0.25
    assert float(local.rate(CLIENT)) == pytest.approx(0.5**2 * 1.25)
    state: Any = local.optimizer.init({"w": jnp.zeros(2)})
    assert float(state.rate) == pytest.approx(0.1)


BUILT = {
    "capped": (
        ("algorithm.weighting=capped", "algorithm.cap=25"),
        lambda model, local: fw.fedavg(model, local, weighting=capped(25)),
    ),
    "ema": (
        ("server.averaging=ema", "server.decay=0.5"),
        lambda model, local: fw.ema(fw.fedavg(model, local), decay=0.5),
    ),
    "swa of its own server": (
        ("algorithm.name=fedadam", "server.averaging=swa", "server.start=2"),
        lambda model, local: fw.swa(fw.fedadam(model, local), start=2),
    ),
    "agreement": (
        ("server.agreement=true", "server.momentum=0.5"),
        lambda model, local: trust.by_agreement(
            fw.fedavg(model, local, server=optax.sgd(1.0, 0.5))
        ),
    ),
    "line search": (
        ("client.optimizer=line_search", "client.learning_rate=0.5"),
        lambda model, local: fw.fedavg(model, replace(local, optimizer=rates.line_search(0.5))),
    ),
    "fedexp": (
        ("algorithm.name=fedexp", "algorithm.epsilon=0.1", "client.rate_decay=0.9"),
        lambda model, local: fw.fedexp(
            model, replace(local, rate=rates.by_round(lambda count: 0.9**count)), epsilon=0.1
        ),
    ),
}


@pytest.mark.parametrize("name", BUILT)
def test_experiment_is_the_algorithm_that_python_builds(name):
    changes, build = BUILT[name]
    written = experiment(*changes)
    clients = written.data.clients
    local = fw.LocalSGD(optax.sgd(0.1), epochs=5, batch_size=20)
    options = {"rounds": 2, "cohort": 5, "progress": False}
    options["engine"] = fw.Engine(lanes=1, devices=1, lowering="off")
    ours = fw.train(written.algorithm, clients, **options)
    theirs = fw.train(build(written.model, local), clients, **options)
    for a, b in zip(jax.tree.leaves(ours.weights), jax.tree.leaves(theirs.weights), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            ("algorithm.name=scaffold", "algorithm.option=3"),
            "option: unknown value 3; Allowed: 1, 2",
        ),
        (
            ("algorithm.name=ditto", 'client.personal=["*/bias"]'),
            "client.personal: clients of ditto",
        ),
        (("algorithm.name=fedprox", "client.proximal=1.0"), "client.proximal: the client has 1.0"),
    ],
)
def test_what_is_refused_is_told_by_its_key(changes, message):
    with pytest.raises(fw.FedwhyError, match=message):
        _ = experiment(*changes).algorithm


def test_pattern_that_fits_no_parameter_is_told_by_its_key(tmp_path):
    written = experiment("algorithm.name=fedper", "algorithm.personal=nothing")
    with pytest.raises(fw.FedwhyError, match="algorithm.personal: 'nothing' takes none"):
        written.run(written.folder(tmp_path / "run"), progress=False)


@pytest.fixture(scope="module")
def listed():
    return {entry["name"]: entry for entry in catalogue.entries("algorithms")}


def test_every_algorithm_says_what_it_is_for_and_by_whom(listed):
    assert listed.keys() == ALGORITHMS.keys()
    for entry in listed.values():
        assert all(entry[key] for key in ("summary", "remedies", "keeps"))
        assert any(year in entry["source"] for year in map(str, range(2016, 2027))), entry["name"]


def test_every_number_has_a_range_that_holds_its_default(listed):
    for name, entry in listed.items():
        for key, value in entry["parameters"].items():
            if isinstance(value, float | int) and not isinstance(value, bool):
                assert key in entry["ranges"], f"{name}: {key} has no range"
        fields = {
            "algorithm": tables.algorithm_table(name),
            "server": tables.server_table(name, "sgd"),
        }
        for key in entry["ranges"]:
            table, _, field = key.partition(".")
            assert field in fields[table].model_fields


def test_ranges_are_those_that_are_checked(listed, softmax):
    assert listed["fedprox"]["ranges"]["algorithm.mu"] == ">= 0"
    assert listed["fedadam"]["ranges"]["server.beta1"] == ">= 0 and < 1"
    assert listed["scaffold"]["ranges"]["algorithm.option"] == "1, 2"
    with pytest.raises(ParameterError, match="^beta1: expected a finite number >= 0 and < 1"):
        fw.fedadam(softmax, fw.LocalSGD(optax.sgd(0.1)), beta1=1.0)


@pytest.mark.parametrize(
    ("name", "kept", "down", "up"),
    [
        ("fedavg", 0, 0, 0),
        ("fedsgd", 0, 0, 0),
        ("fedexp", 0, 0, 0),
        ("scaffold", 1, 1, 1),
        ("afl", 0, 0, 0),
    ],
)
def test_costs_are_those_of_the_paper(listed, name, kept, down, up):
    entry = listed[name]
    assert (entry["kept"], entry["extra_down"], entry["extra_up"]) == (kept, down, up)


def test_what_keeps_nothing_says_so(listed):
    for entry in listed.values():
        assert entry["kept"] == 0 or entry["keeps"] != "nothing"
