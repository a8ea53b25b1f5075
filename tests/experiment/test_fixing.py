"""A fixed experiment file has the prescribed changes, runs, and says what is left by hand."""

import tomllib

import pytest

from fedwhy.diagnosis import Change, Edit, edits
from fedwhy.experiment import Experiment
from fedwhy.experiment.fixing import fix, fixed_path, fixed_run, write_fixed

BY_HAND = Edit("another output activation", lambda setup: setup, code="Dense(10)")


def experiment(tmp_path):
    file = tmp_path / "slow.toml"
    file.write_text('[model]\nname = "softmax"\n\n[client]\nlearning_rate = 1e-4\n')
    return Experiment.read(file)


def test_changes_are_applied_one_after_another(tmp_path):
    fixed = fix(experiment(tmp_path), [edits.rate(10.0), BY_HAND, edits.rate(10.0)])
    assert fixed.settings["client"]["learning_rate"] == pytest.approx(1e-2)
    assert fixed.by_hand == (BY_HAND,)


def test_a_change_can_reach_into_a_piece_of_the_aggregator(tmp_path):
    wider = Edit("a", lambda s: s, lambda settings: (Change("aggregator", "clip.norm", 2.0),))
    assert fix(experiment(tmp_path), [wider]).settings["aggregator"] == {"clip": {"norm": 2.0}}


def test_a_table_without_keys_is_left_out(tmp_path):
    plain = Edit("a", lambda s: s, lambda settings: (Change("sampler", "name", None),))
    assert "sampler" not in fix(experiment(tmp_path), [plain]).settings


def test_the_fixed_file_says_what_changed_and_is_an_experiment(tmp_path):
    slow = experiment(tmp_path)
    path = fixed_path(tmp_path / "slow.toml")
    assert path.name == "slow.fixed.toml"
    again = write_fixed(path, fix(slow, [edits.rate(100.0)]))
    assert again.settings["client"]["learning_rate"] == pytest.approx(1e-2)
    assert "#   client.learning_rate = 0.01" in path.read_text()
    assert tomllib.loads(path.read_text())["model"]["name"] == "softmax"


def test_nothing_is_written_where_no_key_can_say_it(tmp_path):
    told = fixed_run(experiment(tmp_path), [BY_HAND], tmp_path / "x.toml")
    by_hand = [{"what": BY_HAND.what, "code": "Dense(10)"}]
    assert told == {"file": None, "changes": [], "by_hand": by_hand}
    assert not (tmp_path / "x.toml").exists()
