"""What the reproductions of published tables rest on."""

import importlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fedwhy.aggregators import Message

FOLDER = Path(__file__).parent.parent / "benchmarks" / "reproductions"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


# Patients told right, of 104, 89, 16 and 45, by the files heart_seed42.csv and heart_seed46.csv in
# flamby/results/results_benchmark_fed_heart_disease of FLamby's repository.
FLAMBY = [
    ("local 2", 42, (59, 41, 13, 30)),
    ("scaffold", 42, (78, 62, 11, 28)),
    ("fedyogi", 46, (81, 69, 11, 30)),
    ("cyclic unshared", 46, (78, 67, 11, 29)),
]


@pytest.mark.parametrize(("method", "seed", "right"), FLAMBY)
def test_the_protocol_by_hand_gives_flambys_own_results(script, method, seed, right):
    found = script("flamby_by_hand").run(method, seed)
    np.testing.assert_allclose(found, np.divide(right, (104, 89, 16, 45)))


def test_rounds_to_a_target_lie_on_the_line_between_evaluations(script):
    rounds_to = script("mcmahan_table2").rounds_to
    assert rounds_to(0.9, [(0, 0.1), (2, 0.8), (4, 0.6), (6, 1.0)]) == pytest.approx(5.0)
    assert rounds_to(0.9, [(0, 0.1), (2, 0.8)]) is None


@pytest.mark.parametrize(("fewest", "found"), [(20, 20.0), (1000, None)])
def test_the_search_for_a_rate_ends_at_the_best_of_the_fine_grid(
    script, monkeypatch, fewest, found
):
    table2, tried = script("mcmahan_table2"), []

    def one_rate(cell, seed, rate, most, kept):
        tried.append(round(6 * np.log10(rate)))
        value = fewest + 10 * abs(tried[-1] + 3)
        return {"value": value if value <= most else None, "best": 1 - value / 10_000}

    monkeypatch.setattr(table2, "one_rate", one_rate)
    record = table2.run(script("table").Store(None), "iid/E1/B50", 0, None)
    assert record["value"] == found
    assert record["rate"] == pytest.approx(10**-0.5)
    assert len(set(tried)) == len(tried) <= 6


def test_a_cell_is_measured_once_and_a_trial_leaves_nothing(script, tmp_path):
    table = script("table")
    kept, trial = table.Store(tmp_path / "kept.json"), table.Store(None)
    for value in (1.0, 2.0):
        record = kept.measured("a/b", 0, lambda value=value: {"value": value})
        assert record["value"] == 1.0
    trial.measured("a/b", 1, lambda: {"value": 3.0})
    assert list(table.Store(tmp_path / "kept.json").records()["a/b"]) == ["0"]


@pytest.mark.parametrize(("measured", "shown"), [([0.70, 0.72], "+0.010"), ([0.75], "**+0.050**")])
def test_a_difference_beyond_both_bounds_is_marked(script, measured, shown):
    table = script("table")
    row = table.comparison(table.Published(0.7, 0.03), measured, near=0.02, digits=3)
    assert row[-1] == shown


@pytest.mark.parametrize(("position", "sent"), [(19, 0.9 * 5 + 0.1 * 2), (20, 0.1 * 2)])
def test_only_honest_clients_of_the_bucketing_table_have_momentum(script, position, sent):
    message = Message({"w": jnp.float32(2.0)}, jnp.float32(1.0), position=position)
    link = script("bucketing").honest_momentum(0.9)
    changed = link.encode(message, {"w": jnp.float32(5.0)}, (), jax.random.key(0))
    assert changed.message.update["w"] == pytest.approx(sent)
