"""Clients of an experiment file are tested on examples that nobody trains on."""

import logging

import numpy as np
import pytest

import fedwhy as fw

FILE = """
[partition]
clients = 12
test = 0.25

[model]
name = "softmax"

[train]
rounds = 1
cohort = 4
"""


def changed_share(before, after):
    """The share of the examples that differ, by x and by y."""
    x = (before.x != after.x).reshape(len(before), -1).any(axis=1)
    return x.mean(), (before.y != after.y).mean()


def test_a_share_of_each_clients_examples_is_held_out(file, digits):
    clients, test, held = fw.Experiment.read(file).data
    every = fw.partition(digits.train, fw.Dirichlet(0.1), clients=12, seed=0)
    train, tests = every.split(test=0.25)
    for given, expected in ((clients, train), (held, tests)):
        np.testing.assert_array_equal(given.x, expected.x)
        np.testing.assert_array_equal(given.offsets, expected.offsets)
    assert test and len(test) == len(digits.test)
    setup = fw.Experiment.read(file).setup
    assert setup.test_clients.sizes.sum() == tests.sizes.sum()
    assert fw.Experiment.read(file, ["train.evaluate_clients=false"]).setup.test_clients is None


@pytest.mark.parametrize(
    ("shift", "train", "tests"),
    [
        (["shift.name=noise", "shift.sigma=0.1"], (1, 0), (1, 0)),
        (["shift.name=labels", "shift.rate=0.5"], (0, 0.5), (0, 0)),
        (["shift.name=label_flip", "shift.clients=[0,1,2,3,4,5,6,7,8,9,10,11]"], (0, 1), (0, 0)),
    ],
    ids=["noise", "label noise", "poison"],
)
def test_tests_share_a_clients_features_and_not_its_wrong_labels(file, shift, train, tests):
    plain, shifted = (fw.Experiment.read(file, changes).data for changes in ([], shift))
    assert changed_share(plain.clients, shifted.clients) == pytest.approx(train, abs=0.05)
    assert changed_share(plain.test_clients, shifted.test_clients) == pytest.approx(tests, abs=0.05)


def test_a_client_turns_what_it_trains_and_tests_on_alike(file):
    turns = ["shift.name=rotation", "shift.clusters=4"]
    plain, turned = (fw.Experiment.read(file, changes).data for changes in ([], turns))
    pairs = (plain.clients, turned.clients), (plain.test_clients, turned.test_clients)
    for before, after in pairs:
        for position, id in enumerate(plain.clients.ids):
            if id not in before.ids:
                continue
            mine = before.owner == before.positions([id])[0]
            upright = np.rot90(after.x[mine], -(position % 4), axes=(1, 2))
            np.testing.assert_array_equal(upright, before.x[mine])


def test_tests_that_come_with_clients_are_theirs(file):
    file.write_text('[data]\nname = "heart-disease"\n[model]\nname = "linear"\n')
    clients, test, held = fw.Experiment.read(file).data
    assert test and held and held.clients == clients.clients == 4
    assert len(test) == len(held)


def own_data(folder, tests, dtype="np.float32", more=""):
    """An experiment whose clients a and b train, and clients `tests` have test examples."""
    (folder / f"{folder.name}.py").write_text(
        "import numpy as np, fedwhy as fw\n"
        "def data():\n"
        "    of = lambda ids, dtype: fw.FederatedDataset.from_arrays(\n"
        "        np.ones((len(ids), 2), dtype), np.zeros(len(ids), int), ids, classes=2)\n"
        f"    return of(['a', 'a', 'b'], np.float32), of({tests}, {dtype})\n"
    )
    path = folder / "my.toml"
    path.write_text(f'[data]\npython = "{folder.name}:data"\n[model]\nname = "linear"\n{more}')
    return fw.Experiment.read(path)


def test_tests_of_other_clients_are_pooled_alone(tmp_path):
    _, test, held = own_data(tmp_path, ["c", "d"]).data
    assert test and len(test) == 2 and held is None


def test_of_clients_with_tests_those_that_train_are_tested(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="fedwhy"):
        _, test, held = own_data(tmp_path, ["b", "b", "c"]).data
    assert test and len(test) == 3
    assert held and held.ids.tolist() == ["b"] and len(held) == 2
    assert "1 of 2 clients with test examples do not train" in caplog.text


def test_shifted_tests_must_be_built_as_what_clients_train_on(tmp_path):
    shift = '[shift]\nname = "noise"\nsigma = 0.1\n'
    with pytest.raises(fw.FedwhyError, match=r"tested on: x is float64\[2\] an example, the first"):
        _ = own_data(tmp_path, ["b"], "np.float64", shift).data


@pytest.mark.parametrize(("share", "warned"), [("0", True), ("0.25", False)])
def test_own_models_tested_on_what_they_learned_are_warned_of(file, share, warned, caplog):
    changes = ["algorithm.name=fedper", f"partition.test={share}"]
    with caplog.at_level(logging.WARNING, logger="fedwhy"):
        _ = fw.Experiment.read(file, changes).setup
    assert ("tested on the examples that they train on" in caplog.text) == warned
