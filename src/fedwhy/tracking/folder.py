"""`RunFolder`: everything about a run, in one folder.

experiment.toml     the resolved settings; `fedwhy run` takes it as it is
environment.json    versions, devices, seed
metrics.jsonl       one record per round
partition.json      who holds what
preparation.json    what is done to examples before the model, if anything is
checkpoints/        the newest states of the run, to resume from
fine_tuning.json    how clients fare before and after they train the model on, if they do
privacy.json        the guarantee of differential privacy so far, if the run gives one
summary.json        the result in numbers
model.safetensors   the final weights; also model.keras where the model came from Keras
report.html         the result in pictures
"""

import json
import math
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors.numpy import save as dump_arrays

from fedwhy.errors import RunError, whole_number
from fedwhy.report import render
from fedwhy.report.facts import population, table
from fedwhy.simulation import Callback, Checkpoint, FineTuned, Run, Training, checkpoints
from fedwhy.simulation.files import replace_file
from fedwhy.simulation.run import results
from fedwhy.tracking.toml import dump_toml

Settings = dict[str, dict[str, Any]]


class RunFolder(Callback):
    """Keeps a run in the folder `path`.

    A checkpoint is written before the first round, every `checkpoint_every` rounds and at the end.
    `settings` is the resolved experiment as tables of values, and `modules` the folder in which
    Python finds the user's modules that it names; without `settings` the folder tells what `train`
    knows, and only Python can resume the run. With `numbered`, the folder is the first of
    `path-001`, `path-002`, ... that is not there. Nothing is created before everything was
    checked. Raises `RunError` where the folder cannot be written, or holds anything, unless the
    run goes on from there (`resume=path`).
    """

    def __init__(
        self,
        path: str | Path,
        *,
        settings: Settings | None = None,
        modules: Path | None = None,
        checkpoint_every: int = 10,
        numbered: bool = False,
    ):
        self.path = Path(path)
        self.settings = settings
        self.modules = modules
        self.numbered = numbered
        self._written = 0  # Records in metrics.jsonl.
        self.checkpoint_every = whole_number("checkpoint_every", checkpoint_every, at_least=1)

    def on_start(self, training: Training) -> None:
        """Creates the folder and writes what is known before the first round."""
        try:
            if self.numbered:
                self.path = make_numbered(self.path)
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()) and not self._resumed(training):
                raise RunError(
                    f"{self.path} is not empty; choose another folder, or resume the run in it"
                )
            settings = self.settings or known_settings(training)
            replace_file(self.path / "experiment.toml", dump_toml(settings))
            write_json(self.path / "environment.json", environment(training, self.modules))
            stats = training.clients.stats(training.algorithm.model.ignored_class)
            write_json(self.path / "partition.json", stats.to_dict())
            (self.path / "fine_tuning.json").unlink(missing_ok=True)
            preparation = training.algorithm.model.preparation
            if preparation is None:  # A run that goes on here may have left one.
                (self.path / "preparation.json").unlink(missing_ok=True)
            else:
                write_json(self.path / "preparation.json", preparation.to_dict())
            self._write_metrics(training)
            if not self._resumed(training):
                self._write_checkpoint(training)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be used as a run folder: {error}") from error

    def _resumed(self, training: Training) -> bool:
        """Whether the run goes on from this very folder."""
        source = training.resumed_from
        return source is not None and source.resolve() == self.path.resolve()

    def looks_at(self, round: int) -> bool:
        """The rounds after which a checkpoint is due."""
        return round % self.checkpoint_every == 0

    def on_round(self, training: Training) -> None:
        """Appends the new records; writes a checkpoint when one is due."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(map(json_line, training.history[self._written :]))
        self._written = len(training.history)
        self._write_privacy(training)
        refused = training.history[-1]["round"] != training.round
        if training.round % self.checkpoint_every == 0 and not refused:
            self._write_checkpoint(training)

    def on_end(self, training: Training, run: Run) -> None:
        """Writes the last checkpoint, the model, the summary and the report."""
        self._write_metrics(training)
        self._write_checkpoint(training)
        save_weights(self.path / "model.safetensors", run)
        summary = {**run.summary(), "recall": recall(training, run)}
        write_json(self.path / "summary.json", summary)
        replace_file(self.path / "report.html", render(read_record(self.path)))
        save_model(self.path, run)

    def keep_fine_tuning(self, tuned: FineTuned, ids: np.ndarray) -> None:
        """Writes how clients called `ids` fare with the model, and with what each made of it."""
        write_json(self.path / "fine_tuning.json", tuning_record(tuned, ids))
        replace_file(self.path / "report.html", render(read_record(self.path)))

    def _write_metrics(self, training: Training) -> None:
        replace_file(self.path / "metrics.jsonl", "".join(map(json_line, training.history)))
        self._written = len(training.history)
        self._write_privacy(training)

    def _write_privacy(self, training: Training) -> None:
        done = training.history[-1]["round"]
        spent = {} if training.ledger is None else training.ledger.to_dict(done)
        if training.example_ledger is not None:
            spent["examples"] = training.example_ledger.to_dict(done)
        if spent:
            write_json(self.path / "privacy.json", spent)

    def _write_checkpoint(self, training: Training) -> None:
        state = {"server": training.server, "states": training.states.all()}
        # A round whose result was refused is in the history, but not in the state.
        history = [record for record in training.history if record["round"] <= training.round]
        checkpoint = Checkpoint(training.round, state, history, training.identity, training.engine)
        checkpoints.save(self.path / "checkpoints", checkpoint)


def read_record(path: str | Path) -> dict[str, Any]:
    """A run folder as one dict, for `report.render`; raises `RunError` naming what is amiss."""
    import tomllib

    folder = Path(path)

    def text(name: str) -> str:
        try:
            return (folder / name).read_text(encoding="utf-8")
        except OSError as error:
            raise RunError(f"{folder} is not a run folder: {name}: {error.strerror}") from error

    try:
        settings = tomllib.loads(text("experiment.toml"))
        partition = read_object(text("partition.json"))
        # A run that was killed may have left its last line half-written.
        rounds = [read_object(line) for line in text("metrics.jsonl").split("\n")[:-1]]
        if any(not isinstance(record.get("round"), int) for record in rounds):
            raise ValueError("metrics.jsonl has a line without its round")
        has_privacy = (folder / "privacy.json").exists()
        tuned = (folder / "fine_tuning.json").exists()
        if (folder / "summary.json").exists():
            summary = read_object(text("summary.json"))
        else:
            summary = known_summary(settings, partition, rounds)
        return {
            "name": folder.resolve().name,
            "settings": settings,
            "environment": read_object(text("environment.json")),
            "partition": partition,
            "rounds": rounds,
            "recall": summary.pop("recall", None),
            "privacy": read_object(text("privacy.json")) if has_privacy else None,
            "fine_tuning": read_object(text("fine_tuning.json")) if tuned else None,
            "summary": summary,
        }
    except ValueError as error:
        raise RunError(f"{folder}: a file of the run folder is damaged: {error}") from error


def read_object(text: str) -> dict[str, Any]:
    """A JSON object; raises `ValueError` for any other JSON."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {text.strip()[:40]!r}")
    return value


def known_summary(
    settings: Settings, partition: dict[str, Any], rounds: list[dict[str, Any]]
) -> dict[str, Any]:
    """The summary of a run that was killed before it wrote one, as far as its files tell."""
    train = table(settings, "train")
    cohort = rounds[-1].get("clients") if len(rounds) > 1 else train.get("cohort")
    return {
        "algorithm": table(settings, "algorithm").get("name"),
        "dataset": partition.get("name"),
        "rounds": rounds[-1]["round"] if rounds else 0,
        "clients": population({"partition": partition})[0] or None,
        "cohort": cohort if isinstance(cohort, int) else None,
        "seed": train.get("seed"),
        **results(rounds),
    }


def make_numbered(path: Path) -> Path:
    """Makes the first of `path-001`, `path-002`, ... that is not there, whoever else does so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = path.with_name(f"{path.name}-{number:03d}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            number += 1


def save_weights(path: Path, run: Run) -> None:
    """Writes the final weights."""
    arrays = {k: np.asarray(v, order="C") for k, v in checkpoints.named(run.weights).items()}
    replace_file(path, dump_arrays(arrays))


def save_model(folder: Path, run: Run) -> None:
    """Writes the front end's own file, where it has one; raises `RunError` where it cannot."""
    model = run.algorithm.model
    if not model.save:
        return
    name = f"model{model.save_suffix}"
    try:
        model.save(folder / name, run.weights)
    except Exception as error:
        raise RunError(
            f"{folder / name} could not be written ({type(error).__name__}: {error}); "
            f"the run is complete, and its weights are in {folder / 'model.safetensors'}"
        ) from error


def recall(training: Training, run: Run) -> dict[str, Any] | None:
    """Per-class recall of the final model on the test set, where it scores classes."""
    test = training.test
    if test is None or test.classes is None or not run.algorithm.model.classes_from_output:
        return None
    truth = np.asarray(test.y).ravel()
    guess = np.argmax(run.predict(test.x), axis=-1).ravel()
    if (ignored := run.algorithm.model.ignored_class) is not None:
        truth, guess = truth[truth != ignored], guess[truth != ignored]
    support = np.bincount(truth, minlength=test.classes)
    hits = np.bincount(truth[guess == truth], minlength=test.classes)
    return {
        "classes": [str(c) for c in range(test.classes)],
        "recall": [float(h / s) if s else None for h, s in zip(hits, support, strict=True)],
        "support": support.tolist(),
    }


def known_settings(training: Training) -> Settings:
    """What `train` itself knows of the settings, marked as too little to repeat the run."""
    batching = training.algorithm.client(training.algorithm.model).batching
    return {
        "run": {"started_from": "Python"},
        "algorithm": {"name": training.algorithm.name},
        "data": {"name": training.clients.name},
        "client": {
            name: value
            for name in ("epochs", "steps", "batch_size", "shuffle", "drop_last")
            if (value := getattr(batching, name)) is not None
        },
        "train": {"rounds": training.rounds, "cohort": training.cohort, "seed": training.seed},
    }


def environment(training: Training, modules: Path | None) -> dict[str, Any]:
    """Versions, machine, devices and seed; where the user's modules are."""
    versions = {}
    for package in ("fedwhy", "jax", "jaxlib", "optax", "keras", "flax", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        **versions,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "devices": [str(device) for device in jax.devices()],
        "seed": training.seed,
        "modules": str(modules) if modules else None,
    }


def tuning_record(tuned: FineTuned, ids: np.ndarray) -> dict[str, Any]:
    """Scores `before_accuracy`, `after_accuracy_worst_decile` and so on, and each client's."""
    stages = tuned._asdict().items()
    each = {
        f"{stage}_{metric}": values.tolist()
        for stage, scores in stages
        for metric, values in scores.per_client.items()
    }
    clients = [
        {"id": id, **dict(zip(each, values, strict=True))}
        for id, *values in zip(ids.tolist(), *each.values(), strict=True)
    ]
    overall = {name: v for stage, scores in stages for name, v in scores.record(stage).items()}
    return {**overall, "clients": clients}


def json_line(record: dict[str, Any]) -> str:
    """One line of strict JSON; a value that is not finite becomes null."""
    return json.dumps(finite(record), allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as readable strict JSON; a value that is not finite becomes null."""
    replace_file(path, json.dumps(finite(value), indent=1, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """`value` with None for every NaN and infinity, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
