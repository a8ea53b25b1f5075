"""Runs cases, and keeps what is finished."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import fedwhy as fw
from examples import study
from examples.why_mobilenet_fails import moving_statistics
from examples.why_mobilenet_fails.cases import CASES, Case
from fedwhy.diagnosis import diagnose_setup
from fedwhy.engine import Engine, keep_compiled_programs
from fedwhy.experiment.fixing import fix

# The name of a case and a seed.
Task = tuple[str, int]
DIAGNOSIS = "diagnosis"
# Seconds for the runs of the diagnosis, and the rounds of each.
BUDGET, ROUNDS = 600.0, 12
ON_ONE_CORE = Engine(lanes=1, devices=1, lowering="on")


def run(case: Case, seed: int, *changes: str) -> dict[str, Any]:
    """Runs a case: its curves, and what other statistics make of the weights it ends with."""
    experiment = case.experiment(seed, *changes)
    setup = experiment.setup.changed(engine=ON_ONE_CORE)
    every = experiment.settings["train"]["evaluate_every"]
    found = setup.train(setup.rounds, seed, evaluate_every=every)
    tested = [record for record in found.history if "test_accuracy" in record]
    result: dict[str, Any] = {
        "tested": [record["round"] for record in tested],
        "test_accuracy": [record["test_accuracy"] for record in tested],
        "test_loss": [record["test_loss"] for record in tested],
        "train_accuracy": [record["train_accuracy"] for record in found.history[1:]],
    }
    clients, test = setup.clients, setup.test
    assert test is not None  # Every file of this study has one.

    def with_statistics(state: Any) -> float:
        weights = found.weights._replace(state=state)
        other = replace(found, server=found.server._replace(weights=weights))
        return other.evaluate(test).weighted["accuracy"]

    if found.weights.state:
        begun = moving_statistics.initial(setup.model, clients.x)
        result["left behind"] = with_statistics(begun)
    if case.anew:
        forgetful = case.experiment(seed, *changes, "model.momentum=0").model
        taken = moving_statistics.taken_anew(forgetful, found.weights, clients.x)
        result["taken anew"] = with_statistics(taken)
    if setup.algorithm.client(setup.model).own is not None:
        own = found.evaluate_own(clients, tests_of(clients, test))
        result["own"] = own.weighted["accuracy"]
    return result


def tests_of(clients: fw.FederatedDataset, test: fw.Dataset) -> fw.FederatedDataset:
    """For each client its share of the test images, of the digits that it holds."""
    turn = np.arange(len(test.y)) % clients.clients
    owned = [
        np.flatnonzero((turn == client) & np.isin(test.y, clients.y[first:end]))
        for client, (first, end) in enumerate(pairwise(clients.offsets))
    ]
    rows = np.concatenate(owned)
    ids = np.repeat(clients.ids, [len(mine) for mine in owned])
    return fw.FederatedDataset.from_arrays(test.x[rows], test.y[rows], ids, classes=10)


def diagnosed(case: Case, *changes: str) -> dict[str, Any]:
    """What `fedwhy diagnose` says of a case, and what it would change in the file."""
    experiment = case.experiment(0, *changes)
    diagnosis = diagnose_setup(
        experiment.setup.changed(engine=ON_ONE_CORE), budget=BUDGET, rounds=ROUNDS
    )
    return {
        "verdict": diagnosis.verdict,
        "findings": [
            [finding.code, finding.title, finding.confirmed] for finding in diagnosis.findings
        ],
        "changes": [list(change) for change in fix(experiment, diagnosis.repairs).changes],
        "before": diagnosis.baseline_accuracy,
        "after": diagnosis.repaired_accuracy,
        "rounds": diagnosis.rounds,
    }


def work(task: Task, changes: tuple[str, ...]) -> dict[str, Any]:
    """A task, in a process of its own."""
    keep_compiled_programs()
    began, (name, seed) = time.process_time(), task
    if name == DIAGNOSIS:
        result = diagnosed(CASES["as in TFF"], *changes)
    else:
        result = run(CASES[name], seed, *changes)
    return {**result, "seconds of a core": time.process_time() - began}


def all_of(
    tasks: Sequence[Task], changes: tuple[str, ...] = (), kept: Path | None = None
) -> dict[str, Any]:
    """The results by name and seed (`"repaired 0"`).

    With `kept`, what is finished is written there, and not run again after an interruption.
    """
    done = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else {}
    left = [task for task in tasks if called(task) not in done]
    results = study.side_by_side(work, [(task, changes) for task in left])
    for task, result in zip(left, results, strict=True):
        done[called(task)] = result
        print(f"{len(done)} of {len(tasks)}: {called(task)}", file=sys.stderr)
        if kept:
            kept.write_text(json.dumps(done), encoding="utf-8")
    return done


def called(task: Task) -> str:
    """The name of a task's result."""
    return f"{task[0]} {task[1]}"
