"""An experiment file with what a diagnosis prescribes."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

from fedwhy.diagnosis import Change, Edit
from fedwhy.diagnosis.search.runs import comparable, outcome
from fedwhy.experiment.experiment import Experiment
from fedwhy.simulation.files import replace_file
from fedwhy.tracking.toml import dump_toml


class Fixed(NamedTuple):
    """The settings after all changes that a file can say, those changes, and what it cannot."""

    settings: dict[str, dict[str, Any]]
    changes: tuple[Change, ...]
    by_hand: tuple[Edit, ...]


def fix(experiment: Experiment, repairs: Sequence[Edit]) -> Fixed:
    """The settings of `experiment` with all `repairs`, one after another."""
    settings, made, by_hand = deepcopy(experiment.settings), [], []
    for repair in repairs:
        changes = repair.changes(settings)
        if not changes:
            by_hand.append(repair)
        for change in changes:
            apply_to(settings, change)
        made += changes
    return Fixed({k: v for k, v in settings.items() if v}, tuple(made), tuple(by_hand))


def apply_to(settings: dict[str, dict[str, Any]], change: Change) -> None:
    """Makes the change; a key `piece.key` is one in a table of the table."""
    values = settings.setdefault(change.table, {})
    *inner, key = change.key.split(".")
    for name in inner:
        values = values.setdefault(name, {})
    values.pop(key, None)
    if change.value is not None:
        values[key] = change.value


def fixed_path(file: Path | None) -> Path:
    """Where the fixed experiment of `file` is written: `my.toml` becomes `my.fixed.toml`."""
    return Path("default.fixed.toml") if file is None else file.with_suffix(".fixed.toml")


def write_fixed(path: Path, fixed: Fixed) -> Experiment:
    """Writes the file and returns its experiment, which is built, so that it is known to run."""
    said = "\n".join(f"#   {table}.{key} = {value!r}" for table, key, value in fixed.changes)
    replace_file(
        path, f"# Changed by `fedwhy diagnose --fix`:\n{said}\n\n{dump_toml(fixed.settings)}"
    )
    experiment = Experiment.read(path)
    _ = experiment.setup
    return experiment


def fixed_run(experiment: Experiment, repairs: Sequence[Edit], path: Path) -> dict[str, Any]:
    """Writes the fixed experiment to `path` and runs both for all of their rounds.

    Returns the scores before and after, from 0 to 1, the changes, and what is left to do by hand;
    where that is all, the `file` is None and nothing is run.
    """
    fixed = fix(experiment, repairs)
    by_hand = [{"what": edit.what, "code": edit.code} for edit in fixed.by_hand]
    if not fixed.changes:
        return {"file": None, "changes": [], "by_hand": by_hand}
    repaired = write_fixed(path, fixed)
    rounds, seed = experiment.setup.rounds, experiment.setup.seed
    before = outcome(experiment.setup, rounds, seed)
    after = outcome(repaired.setup, rounds, seed)
    return {
        "file": str(path),
        "changes": [change._asdict() for change in fixed.changes],
        "by_hand": by_hand,
        "accuracy_before": before.score,
        "accuracy_after": comparable(after, before),
    }
