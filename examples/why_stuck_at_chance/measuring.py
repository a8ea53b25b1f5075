"""Runs an experiment as it is, has it diagnosed, and runs what the diagnosis prescribes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from examples.why_stuck_at_chance.cases import HERE, Case
from fedwhy.diagnosis import Diagnosis, Edit, Setup, diagnose_setup
from fedwhy.errors import FedwhyError
from fedwhy.experiment import Experiment

BUDGET = 120.0  # Seconds of a diagnosis.
LAST = 5  # Rounds whose mean accuracy is the result of a run.
CHANCE, NEAR = 0.1, 0.05  # Of ten classes; and how near it a run is stuck.
SMALL = ("partition.clients=10", "train.rounds=10")


def measure(case: Case, seeds: Sequence[int], changes: Sequence[str] = ()) -> dict[str, Any]:
    """All that the page tells of a case, as plain values."""
    experiment = read(case.file, seeds[0], changes)
    diagnosis = diagnose_setup(experiment.setup, budget=BUDGET, rounds=experiment.setup.rounds)
    setups = [read(case.file, seed, changes).setup for seed in seeds]
    refused, stuck = "", []
    try:
        stuck = [curve(setup) for setup in setups]
    except FedwhyError as error:
        refused = str(error)
    repairs = diagnosis.repairs
    return {
        "name": case.name,
        "stuck": stuck,
        "refused": refused,
        "repaired": [curve(repaired(setup, repairs)) for setup in setups] if repairs else [],
        **said(diagnosis),
        "repairs": [told(edit, experiment) for edit in repairs],
    }


def read(file: str | Path, seed: int, changes: Sequence[str] = ()) -> Experiment:
    """The experiment of a file, trained from this seed, and dealt from it where it is dealt."""
    dealt = "[partition]" in (HERE / file).read_text(encoding="utf-8")
    seeds = (f"train.seed={seed}", *[f"partition.seed={seed}"] * dealt)
    return Experiment.read(HERE / file, [*seeds, *changes])


def repaired(setup: Setup, repairs: Sequence[Edit]) -> Setup:
    """The setup with all that a diagnosis prescribes."""
    return reduce(lambda changed, edit: edit.apply(changed), repairs, setup)


def curves_of(
    name: str, seeds: Sequence[int], changes: Sequence[str] = (), times: int = 1
) -> list[list[float]]:
    """The curves of an experiment with `changes`, in so many times its rounds, from each seed."""
    setups = [read(f"{name}.toml", seed, changes).setup for seed in seeds]
    return [curve(setup, times * setup.rounds) for setup in setups]


def curve(setup: Setup, rounds: int | None = None) -> list[float]:
    """The test accuracy from round 0 on; a run that diverged stays where it was."""
    rounds = rounds or setup.rounds
    run = setup.changed(test_clients=None).train(rounds, setup.seed, evaluate_every=1)
    seen = [record["test_accuracy"] for record in run.history if "test_accuracy" in record]
    return [round(value, 4) for value in seen + seen[-1:] * (rounds + 1 - len(seen))]


def said(diagnosis: Diagnosis) -> dict[str, Any]:
    """What a diagnosis says, its findings the first first."""
    return {
        "verdict": diagnosis.verdict,
        "findings": [
            {
                "code": finding.code,
                "title": finding.title,
                "severity": str(finding.severity),
                "proved": finding.confirmed,
                "why": finding.why,
            }
            for finding in diagnosis.findings
        ],
        "seconds": round(diagnosis.seconds, 1),
    }


def told(edit: Edit, experiment: Experiment) -> dict[str, Any]:
    """A prescription: in words, as lines of the experiment file, and as code of the user's own."""
    changes = edit.changes(experiment.settings)
    return {
        "what": edit.what,
        "changes": [change._asdict() for change in changes],
        "code": edit.code,
    }


def result(curve: Sequence[float]) -> float:
    """The accuracy that a run ends with."""
    return statistics.mean(curve[-LAST:])


def at_chance(curve: Sequence[float]) -> bool:
    """Whether a run ends where guessing would."""
    return abs(result(curve) - CHANCE) <= NEAR


def named_first(case: Case, measured: dict[str, Any]) -> bool:
    """Whether the first finding is what was planted; of a healthy run, that none accuses it."""
    findings = measured["findings"]
    if not case.planted:
        return all(finding["severity"] == "note" for finding in findings)
    return bool(findings) and findings[0]["code"] in case.planted
