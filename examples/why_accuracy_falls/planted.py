"""Experiments with one fault each: as they are, what the diagnosis says, and repaired by it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fedwhy.diagnosis.diagnose import Diagnosis, diagnose_setup
from fedwhy.diagnosis.search.runs import score
from fedwhy.diagnosis.setup import Setup
from fedwhy.experiment.experiment import Experiment

HERE = Path(__file__).parent
BUDGET = 120.0  # Seconds of runs for one diagnosis, as of `fedwhy diagnose`.


class Planted(NamedTuple):
    """An experiment file, what is wrong in it as its panel says, and the code of that."""

    file: str
    title: str
    code: str


CASES = (
    Planted("server_rate", "server rate 2.5", "FW401"),
    Planted("stale_updates", "stale updates", "FW409"),
    Planted("taking_turns", "clients in turns", "FW414"),
    Planted("wrong_labels", "wrong labels", "FW112"),
    Planted("drift", "200 steps alone (line)", "FW303"),
    Planted("skew", "one digit a client", "FW101"),
    Planted("in_sequence", "averaged in sequence", "FW404"),
    Planted("late_clients", "a deadline", "FW408"),
)


def setup_of(file: str, changes: Sequence[str] = ()) -> Setup:
    """The run of an experiment file of this folder, with changes such as `client.epochs=1`."""
    return Experiment.read(HERE / f"{file}.toml", changes).setup


def curve(setup: Setup, seed: int) -> list[float]:
    """The score by round, from the untrained model on: accuracy, or explained variance."""
    history = setup.train(setup.rounds, seed).history
    return [score(setup, [record]) for record in history if "test_loss" in record]


def diagnosed(case: Planted) -> Diagnosis:
    """What `fedwhy diagnose` finds, in runs as long as the experiment's own."""
    setup = setup_of(case.file)
    return diagnose_setup(setup, budget=BUDGET, rounds=setup.rounds)


def study(case: Planted, seeds: Sequence[int]) -> dict:
    """The curves of the run as it is, and of the one that the diagnosis makes of it."""
    setup, diagnosis = setup_of(case.file), diagnosed(case)
    repaired = diagnosis.repaired
    return {
        "named": diagnosis.findings[0].code if diagnosis.findings else "nothing",
        "verdict": diagnosis.verdict,
        "repair": [edit.what for edit in diagnosis.repairs],
        "as it is": [curve(setup, seed) for seed in seeds],
        "repaired": [curve(repaired, seed) for seed in seeds] if repaired else None,
    }
