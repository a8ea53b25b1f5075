"""`Experiment`: an experiment file, resolved; builds data, model, algorithm and run from it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import jax

from fedwhy.aggregators import ATTACKS, capped
from fedwhy.algorithms import (
    ALGORITHMS,
    AVERAGES,
    SERVER_OPTIMIZERS,
    Algorithm,
    FullGradient,
    LocalSGD,
    trust,
)
from fedwhy.data import (
    PARTITIONS,
    SHIFTS,
    SOURCES,
    Preparation,
    variant,
)
from fedwhy.diagnosis import Setup, Watch
from fedwhy.diagnosis.preflight import Preflight
from fedwhy.engine import Engine
from fedwhy.engine.processes import leads
from fedwhy.errors import ParameterError
from fedwhy.experiment import aggregation, broadcasting, data, models, preparing, taking_part
from fedwhy.experiment import tables as schema
from fedwhy.experiment.data import Data
from fedwhy.experiment.file import ExperimentFile, Table, read_experiment
from fedwhy.experiment.local import fine_tuning, local_training
from fedwhy.experiment.pieces import Chain, chain_table
from fedwhy.models import ZOO, Model
from fedwhy.simulation import Callback, Clock, EarlyStop, Run
from fedwhy.simulation.samplers import PATTERNS, SAMPLERS, Asynchronous, Sampler
from fedwhy.tracking import RunFolder

log = logging.getLogger("fedwhy")

# Settings of [train] that a resumed run may change: no round depends on them.
MAY_CHANGE = (
    "rounds",
    "evaluate_every",
    "evaluate_clients",
    "checkpoint_every",
    "patience",
    "lanes",
    "devices",
    "lowering",
)


@dataclass(frozen=True)
class Experiment:
    """An experiment whose every part is built, and so checked, before anything runs."""

    file: ExperimentFile

    @staticmethod
    def read(path: str | Path | None, changes: Sequence[str] = ()) -> "Experiment":
        """Reads a file (None: the embedded one) and applies changes such as `train.rounds=5`."""
        return Experiment(read_experiment(path, changes))

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Every table with its defaults filled in; `[partition]` only where data needs one.

        Where the file has none, `[shift]`, `[aggregator]`, `[attack]`, `[broadcast]`,
        `[availability]` and `[clock]` are not there.
        """
        file, given = self.file, self.file.tables
        kind = data.data_table(given.get("data", {}))
        algorithm = file.choice("algorithm", "name", ALGORITHMS, "fedavg")
        optimizer = "sgd"
        if schema.takes_server(algorithm):
            optimizer = file.choice("server", "optimizer", SERVER_OPTIMIZERS, "sgd")
        averaging = given.get("server", {}).get("averaging")
        if averaging is not None:
            file.choice("server", "averaging", AVERAGES, averaging)
        if "keras" in given.get("model", {}):
            model = schema.KerasModel
        elif "python" in given.get("model", {}):
            model = schema.OwnModel
        else:
            model = schema.zoo_table(file.choice("model", "name", ZOO, "mlp"))
        named = kind is schema.NamedData
        if named:
            file.choice("data", "name", SOURCES, "digits")
        if kind is schema.FileData or (named and self._has_clients):
            file.leave_out("partition", since="data")
        schemas: dict[str, type[Table]] = {"data": kind}
        if "partition" in given or (named and not self._has_clients):
            scheme = file.choice("partition", "name", PARTITIONS, "dirichlet")
            schemas["partition"] = schema.partition_table(scheme)
        if "shift" in given:
            schemas["shift"] = schema.shift_table(file.choice("shift", "name", SHIFTS, "noise"))
        if "aggregator" in given:
            schemas["aggregator"] = aggregation.table(file)
        if "attack" in given:
            attack = file.choice("attack", "name", ATTACKS, "sign_flip")
            schemas["attack"] = schema.attack_table(attack)
        if "broadcast" in given:
            schemas["broadcast"] = chain_table(file, "broadcast")
        schemas |= {
            "prepare": schema.Prepare,
            "model": model,
            "algorithm": schema.algorithm_table(algorithm),
            "client": schema.client_table(algorithm),
            "augment": schema.Augment,
            "server": schema.server_table(algorithm, optimizer, averaging),
            "train": schema.Train,
            "sampler": schema.sampler_table(file.choice("sampler", "name", SAMPLERS, "uniform")),
        }
        if "availability" in given:
            pattern = file.choice("availability", "name", PATTERNS, "diurnal")
            schemas["availability"] = schema.availability_table(pattern)
        if "clock" in given:
            schemas["clock"] = schema.clock_table()
        if "fine_tune" in given:
            schemas["fine_tune"] = schema.FineTune
        return {name: file.parse(name, kind) for name, kind in schemas.items()}

    @property
    def _has_clients(self) -> bool:
        """Whether the named dataset comes with clients."""
        data = cast(schema.NamedData, self.file.parse("data", schema.NamedData))
        with self.file.blame("data"):
            return variant(data.name, data.by).clients is not None

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The resolved experiment as plain tables, without keys that are unset."""
        dumped = {name: t.model_dump(exclude_none=True) for name, t in self.tables.items()}
        if "cohort" not in self.file.tables.get("train", {}):
            dumped["train"]["cohort"] = min(dumped["train"]["cohort"], self.data.clients.clients)
        return {name: values for name, values in dumped.items() if values}

    @cached_property
    def data(self) -> Data:
        """The clients, the central test set and what clients hold out, see `experiment.data`."""
        return data.data(self.file, self.tables)

    @cached_property
    def preparation(self) -> Preparation | None:
        """What is done to examples before the model, fitted on the clients; None for nothing."""
        values = self.tables["prepare"].model_dump()
        return preparing.preparation(self.file, values, self.data.clients)

    @cached_property
    def model(self) -> Model:
        """The model, with as many outputs as the data has classes, and with its preparation."""
        model = models.model(self.file, self.tables["model"], self.data.clients)
        if self.preparation is None:
            return model
        with self.file.blame("model"):
            return model.prepared(self.preparation)

    @cached_property
    def algorithm(self) -> Algorithm:
        """The algorithm, with its client work and server, and judged by an average if asked for."""
        values = self.tables["algorithm"].model_dump()
        server = self.tables["server"].model_dump()
        name = values.pop("name")
        averaging, agreement = server.pop("averaging"), server.pop("agreement")
        average = {}
        if averaging:
            average = {key: server.pop(key) for key in schema.keywords(AVERAGES[averaging])}
        if schema.takes_server(name):
            optimizer = SERVER_OPTIMIZERS[server.pop("optimizer")]
            with self.file.blame("server"):
                server = {"server": optimizer(**server)}
        with self.file.blame("client"):
            client = self._client(self.tables["client"])
        with self.file.blame("algorithm", "server", "client"):
            algorithm = ALGORITHMS[name](self.model, client, **self._weighted(values), **server)
            if "aggregator" in self.tables or "attack" in self.tables:
                population = self.data.clients.clients
                algorithm = aggregation.aggregated(self.file, algorithm, self.tables, population)
            algorithm = trust.by_agreement(algorithm) if agreement else algorithm
            if "broadcast" in self.tables:
                chain = cast(Chain, self.tables["broadcast"])
                algorithm = broadcasting.compressed(self.file, algorithm, chain)
            return AVERAGES[averaging](algorithm, **average) if averaging else algorithm

    def _weighted(self, values: dict[str, Any]) -> dict[str, Any]:
        """The keys of `[algorithm]`, with `cap` in its place in the weighting."""
        cap = values.pop("cap", None)
        if values.get("weighting") == "capped":
            if cap is None:
                raise ParameterError("cap", "expected the most examples that a client counts with")
            return values | {"weighting": capped(cap)}
        if cap is not None:
            raise ParameterError("cap", 'is for weighting = "capped"; leave it out')
        return values

    def _client(self, table: Table) -> LocalSGD | FullGradient:
        values = self.tables["augment"].model_dump()
        augment = preparing.augmentations(self.file, values, self.data.clients)
        if not isinstance(table, schema.Client):
            if augment:
                raise self.file.error("augment", "this algorithm takes no augmentation; leave out")
            return FullGradient(**table.model_dump())
        return local_training(self.file, table, augment)

    @cached_property
    def sampler(self) -> Sampler | Asynchronous:
        """Which clients take part, of those whom `[availability]` leaves."""
        return taking_part.sampler(self.file, self.tables)

    @cached_property
    def clock(self) -> Clock | None:
        """How long clients take; None where nobody asks."""
        return taking_part.clock(self.file, self.tables)

    @cached_property
    def setup(self) -> Setup:
        """All that a run is made of, to run it or to diagnose it."""
        settings = cast(schema.Train, self.tables["train"])
        data = self.data
        if settings.evaluate_clients and self.algorithm.client(self.model).own:
            self._warn_where_none_hold_out("clients' own models are")
        with self.file.blame("train"):
            return Setup(
                self.algorithm,
                data.clients,
                rounds=settings.rounds,
                cohort=self.settings["train"]["cohort"],
                seed=settings.seed,
                sampler=self.sampler,
                clock=self.clock,
                test=data.test,
                test_clients=data.tested if settings.evaluate_clients else None,
                engine=Engine(settings.lanes, settings.devices, settings.lowering),
                settings=self.settings,
            )

    def folder(self, path: str | Path | None = None) -> RunFolder:
        """The run folder at `path`; without one the next free runs/ALGORITHM-DATASET-001."""
        name = f"{self.settings['algorithm']['name']}-{self.data.clients.name}"
        with self.file.blame("train"):
            return RunFolder(
                path or Path("runs") / name,
                settings=self.settings,
                modules=self.file.folder.resolve(),
                checkpoint_every=cast(schema.Train, self.tables["train"]).checkpoint_every,
                numbered=path is None,
            )

    def run(
        self,
        folder: RunFolder,
        *,
        resume: bool = False,
        progress: bool = True,
        preflight: bool = False,
    ) -> Run:
        """Runs the experiment and keeps it in `folder`; `resume` goes on with the run there.

        With `preflight` it is looked at first: raises `PreflightError` where it cannot work.

        Where `[fine_tune]` asks for it, clients then train the model that came of it on their own.

        Raises `ExperimentError` where the run there had other settings, but for those that change
        no round: it would no longer be one experiment.
        """
        settings = cast(schema.Train, self.tables["train"])
        if resume:
            self._check_same(folder.path)
        blamed = ("train", "algorithm", "client", "sampler", "availability", "clock")
        with self.file.blame(*blamed):
            callbacks: list[Callback] = [Watch(), folder]
            if settings.patience is not None:
                if self.data.test is None:
                    raise ParameterError(
                        "patience", "waits for the test loss, and the data has no test set"
                    )
                callbacks = [EarlyStop(patience=settings.patience), *callbacks]
            if preflight:
                callbacks = [Preflight(self.setup), *callbacks]
            fine_tuning = self._fine_tuning()
            run = self.setup.train(
                settings.rounds,
                settings.seed,
                evaluate_every=settings.evaluate_every,
                callbacks=callbacks,
                resume=folder.path if resume else None,
                progress=progress,
            )
        if fine_tuning is not None:
            self._fine_tune(run, fine_tuning, folder)
        return run

    def _fine_tuning(self) -> LocalSGD | None:
        """How clients train when the run has ended; None where nobody asks."""
        if "fine_tune" not in self.tables:
            return None
        self._warn_where_none_hold_out("clients that are fine-tuned are")
        return fine_tuning(
            self.file,
            cast(schema.FineTune, self.tables["fine_tune"]),
            self.model,
            jax.tree.map(lambda leaf: leaf[:1], self.data.clients.x),
        )

    def _fine_tune(self, run: Run, training: LocalSGD, folder: RunFolder) -> None:
        """Trains clients on from a run that has ended, and keeps how they fare in `folder`."""
        if run.diverged:
            log.warning("the run diverged, so that no client is fine-tuned")
        if run.diverged or run.interrupted:
            return
        with self.file.blame("fine_tune"):
            tuned = run.fine_tune(self.data.clients, self.data.tested, training)
        if leads():
            folder.keep_fine_tuning(tuned, self.data.tested.ids)

    def _warn_where_none_hold_out(self, what: str) -> None:
        """Warns of scores on the examples that clients train on."""
        if self.data.test_clients is None:
            way = "see partition.test" if "partition" in self.tables else "see [data]"
            log.warning(
                f"{what} tested on the examples that they train on, and so look better than they "
                f"are; let clients hold some out, {way}"
            )

    def _check_same(self, run: Path) -> None:
        """Raises `ExperimentError` for the first setting that the run in the folder had not."""
        before = Experiment.read(run / "experiment.toml").settings
        for table in (before.keys() | self.settings.keys()) - {"fine_tune"}:
            ours, theirs = self.settings.get(table, {}), before.get(table, {})
            free = MAY_CHANGE if table == "train" else ()
            for key in (ours.keys() | theirs.keys()) - set(free):
                if ours.get(key) != theirs.get(key):
                    raise self.file.error(
                        f"{table}.{key}",
                        f"the run in {run} had {theirs.get(key)!r}, given {ours.get(key)!r}; "
                        f"resume with the same, or start a new run. A resumed run may change "
                        f"[fine_tune] and, of [train], {', '.join(MAY_CHANGE)}",
                    )
