"""What the engine leaves open is measured once, and then stays."""

import jax
import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.cache import FOLDER
from fedwhy.engine import Engine, Settings, cache, tuning


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(FOLDER, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "REMEMBERED", {})
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def a_core_for_every_device(monkeypatch):
    monkeypatch.setattr(tuning, "cores", lambda: len(jax.devices()))


def train(algorithm, digits):
    clients = fw.partition(digits.train, fw.IID(), clients=6)
    return fw.train(algorithm, clients, rounds=2, cohort=4, progress=False)


@pytest.fixture
def measured(monkeypatch):
    """The settings measured, each faster than the one before, on cores that are not in use."""
    taken = []

    def seconds(trial, shortest):
        taken.append(trial.settings)
        return 1 / len(taken)

    monkeypatch.setattr(tuning.Trial, "seconds_per_step", seconds)
    monkeypatch.setattr(tuning.Trial, "slowdown", lambda trial: 2 * tuning.IN_USE)
    return taken


def test_choice_is_measured_once_and_shared_by_algorithms(softmax, digits, measured):
    local = fw.LocalSGD(optax.sgd(0.1), batch_size=16)
    first = train(fw.fedavg(softmax, local), digits)
    assert len(measured) == 2
    cache.REMEMBERED.clear()  # As a new process.
    second = train(fw.fedprox(softmax, local, mu=0.0), digits)
    assert len(measured) == 2
    for a, b in zip(jax.tree.leaves(first.weights), jax.tree.leaves(second.weights), strict=True):
        np.testing.assert_array_equal(a, b)


def test_first_of_two_processes_that_measure_decides(empty_cache):
    assert cache.remember("key", {"lanes": 1}) == {"lanes": 1}
    cache.REMEMBERED.clear()
    assert cache.remember("key", {"lanes": 2}) == {"lanes": 1}
    assert [path.name for path in (empty_cache / "engine").iterdir()] == ["key"]


def test_folder_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    assert cache.remember("key", {"lanes": 3}) == {"lanes": 3}
    assert cache.recall("key") == {"lanes": 3}


def test_damaged_memory_is_measured_again(empty_cache):
    (empty_cache / "engine").mkdir(parents=True)
    (empty_cache / "engine" / "key").write_text("{")
    assert cache.recall("key") is None


def test_what_is_chosen_by_hand_is_not_measured(softmax, digits, measured):
    clients = fw.partition(digits.train, fw.IID(), clients=6)
    algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.1)))
    engine = Engine(lanes=2, devices=1, lowering="off")
    fw.train(algorithm, clients, rounds=1, cohort=4, progress=False, engine=engine)
    assert not measured


def test_every_core_is_a_device_and_lowering_is_measured_on_cpu():
    found = list(tuning.candidates(Engine(), cohort=10, lowering=True))
    assert found[0] == Settings(lanes=1, devices=len(jax.devices()), lowering=True)
    convolutions = {"conv_general_dilated", "dot_general"}
    assert tuning.choice_of_lowering(Engine(), convolutions) is None
    assert tuning.choice_of_lowering(Engine(), {"dot_general"}) is True
    assert tuning.choice_of_lowering(Engine(), set()) is False
    assert tuning.choice_of_lowering(Engine(lowering="off"), convolutions) is False


def test_lanes_that_leave_no_core_idle_are_taken_without_a_second_look(
    softmax, digits, measured, monkeypatch
):
    monkeypatch.setattr(tuning.Trial, "slowdown", lambda trial: 1.0)
    train(fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.1))), digits)
    assert measured == [Settings(lanes=1, devices=len(jax.devices()), lowering=True)]


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize("seconds", [1e-9, 1e9])
def test_whole_batches_are_tried_without_lowering_where_two_examples_are_fast(
    seconds, digits, measured, monkeypatch
):
    monkeypatch.setattr(tuning, "seconds_of_two_examples", lambda *a: seconds)
    cnn = fw.Model.from_zoo("cnn")
    train(fw.fedavg(cnn, fw.LocalSGD(optax.sgd(0.1))), digits)
    assert [settings.lowering for settings in measured] == [True, True] + [False] * (seconds < 1)
