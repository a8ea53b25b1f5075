"""Why MobileNet fails: the study on few digits, and what its page says of the whole one."""

import doctest
from dataclasses import replace
from statistics import fmean

import pytest

from examples import study
from examples.why_mobilenet_fails import attribution, page
from examples.why_mobilenet_fails.cases import CASES, FOLDER, Case
from examples.why_mobilenet_fails.running import run
from fedwhy.diagnosis import diagnose_setup
from fedwhy.experiment.fixing import fix

DIGITS = ('data.name="digits"', "data.resize=[32, 32]", "train.rounds=12")
NETWORK = """
import keras
from keras import layers

def build():
    hidden = [
        layer
        for _ in range(5)
        for layer in (layers.Dense(32), layers.BatchNormalization(momentum=0.9), layers.ReLU())
    ]
    return keras.Sequential([layers.Flatten(), *hidden, layers.Dense(10)])
"""


def test_what_the_statistics_are_changes_no_step_of_training_and_all_of_evaluation(tmp_path):
    (tmp_path / "normalised_network.py").write_text(NETWORK)
    file = tmp_path / "normalised.toml"
    file.write_text('[partition]\nname = "iid"\nclients = 5\n[model]\n')
    network = ('model.keras="normalised_network:build"', "train.rounds=6")
    stuck, repaired = (
        run(Case((*network, f'client.state="{state}"'), str(file), every=6), 0)
        for state in ("frozen", "average")
    )
    assert stuck["train_accuracy"] == repaired["train_accuracy"]
    assert stuck["test_accuracy"][-1] == stuck["left behind"] == repaired["left behind"]
    assert repaired["test_accuracy"][-1] > stuck["test_accuracy"][-1] + 0.2


def test_the_diagnosis_names_the_statistics_first_and_prescribes_the_repaired_experiment():
    repaired = CASES["repaired"].experiment(0, *DIGITS)
    experiment = replace(CASES["as in TFF"], every=CASES["repaired"].every).experiment(0, *DIGITS)
    first = diagnose_setup(experiment.setup, probes=False).findings[0]
    assert first.code == "FW205" and first.prescription
    assert fix(experiment, [first.prescription]).settings == repaired.settings


def test_parts_of_a_gap_add_up_to_it():
    assert doctest.testmod(attribution).failed == 0
    worth = {frozenset(): 0.1, frozenset("a"): 0.1, frozenset("b"): 0.3, frozenset("ab"): 0.9}
    assert attribution.parts("ab", worth.__getitem__) == pytest.approx({"a": 0.3, "b": 0.5})


@pytest.fixture(scope="module")
def results():
    return study.kept(FOLDER)


def test_the_page_says_what_the_runs_gave(results, tmp_path, monkeypatch):
    committed = (study.DOCS / "why_mobilenet_fails.md").read_text()
    monkeypatch.setattr(page, "draw", lambda results: None)
    monkeypatch.setattr(page, "DOCS", tmp_path)
    (tmp_path / "why_mobilenet_fails.md").write_text(committed)
    page.write(results)
    assert (tmp_path / "why_mobilenet_fails.md").read_text() == committed


def test_the_repaired_run_is_as_good_as_the_one_at_one_place(results):
    one_place, repaired = (fmean(page.last(results, name)) for name in ("one place", "repaired"))
    assert repaired > one_place - 0.015
    assert max(page.last(results, "as in TFF")) < 0.15
    assert fmean(page.last(results, "as in TFF", "train_accuracy")) > 0.75


def test_one_model_for_clients_of_two_digits_comes_near_the_one_at_one_place(results):
    one_place, repaired = (
        fmean(page.last(results, name)) for name in ("one place", "fixed statistics, shards")
    )
    assert repaired > one_place - 0.04 > fmean(page.last(results, "shards")) + 0.5


def test_the_diagnosis_has_proved_what_it_prescribes(results):
    diagnosis = results["diagnosis 0"]
    code, _, proved = diagnosis["findings"][0]
    assert code == "FW205" and proved
    assert diagnosis["changes"] == [["client", "state", "average"], ["model", "momentum", 0.9]]
    assert diagnosis["after"] > 0.85 > 0.15 > diagnosis["before"]
