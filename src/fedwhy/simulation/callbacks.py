"""Callbacks: what else happens while a model trains."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.engine import ClientStates, Settings, Traffic
from fedwhy.errors import ParameterError, number, whole_number
from fedwhy.simulation.clock import Clock
from fedwhy.simulation.identity import identity
from fedwhy.simulation.samplers import Asynchronous, Sampler
from fedwhy.simulation.scores import falls

if TYPE_CHECKING:
    from fedwhy.simulation.example_ledger import ExampleLedger
    from fedwhy.simulation.ledger import Ledger
    from fedwhy.simulation.run import Run


@dataclass
class Training:
    """A run in progress, as callbacks see it; they may look, and change nothing.

    `history` holds one record per round, see `train`; `round` is the last finished round. `ledger`
    tells the privacy spent of clients, `example_ledger` that of their single examples; None without
    a guarantee.
    `resumed_from` is the folder that the run goes on from.
    """

    algorithm: Algorithm
    clients: FederatedDataset
    test: Dataset | None
    rounds: int
    cohort: int
    seed: int
    sampler: Sampler | Asynchronous
    clock: Clock | None
    server: ServerState
    states: ClientStates
    engine: Settings
    traffic: Traffic
    ledger: Ledger | None = None
    example_ledger: ExampleLedger | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    round: int = 0
    resumed_from: Path | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on from another's checkpoint."""
        preparation = self.algorithm.model.preparation
        return {
            "algorithm": self.algorithm.name,
            "seed": self.seed,
            "cohort": self.cohort,
            "sampler": identity(self.sampler),
            "clock": identity(self.clock),
            "clients": self.clients.clients,
            "data": self.clients.fingerprint,
            "batching": asdict(self.algorithm.client(self.algorithm.model).batching),
            "privacy": [str(ledger.release) for ledger in self.ledgers.values()] or None,
            "preparation": None if preparation is None else preparation.to_dict(),
        }

    @property
    def ledgers(self) -> dict[str, Ledger | ExampleLedger]:
        """What tells the privacy spent, by its name in records; empty without a guarantee."""
        both = {"epsilon": self.ledger, "example_epsilon": self.example_ledger}
        return {name: ledger for name, ledger in both.items() if ledger is not None}

    def spent(self, round: int) -> dict[str, float]:
        """The part of a round's record about privacy."""
        return {name: ledger.epsilon(round) for name, ledger in self.ledgers.items()}

    @property
    def recorded(self) -> set[str]:
        """The names of the numbers that records of rounds hold, those of evaluations included."""
        train = {"train_loss", *(f"train_{name}" for name in self.algorithm.model.metrics)}
        norms = {"update_norm_mean", "update_norm_min", "update_norm_max", "aggregate_norm"}
        first = {name for name, value in self.history[0].items() if not isinstance(value, list)}
        return train | norms | first - {"round"}


class Callback:
    """Does nothing at each point of a run; override what you need.

    Where several processes share a run, only the first one calls it, unless it is `everywhere`:
    one that may stop the run must do so in all of them alike.
    """

    everywhere: ClassVar[bool] = False

    def on_start(self, training: Training) -> str | None:
        """Before the first round, after everything was checked; a returned text ends the run."""

    def looks_at(self, round: int) -> bool:
        """Whether `on_round` must be called right after `round`.

        Short rounds that no callback looks at are run several at once, which is faster.
        """
        return True

    def remarks(self, record: dict[str, Any]) -> Sequence[str]:
        """What to keep with a new record, as its `remarks`; asked of each, before `on_round`."""
        return ()

    def on_round(self, training: Training) -> str | None:
        """After each round, or several at once; a returned text stops the run and is its reason."""

    def on_end(self, training: Training, run: Run) -> None:
        """After the last round, also when the run was stopped or interrupted."""


@dataclass(frozen=True)
class EarlyStop(Callback):
    """Stops when `metric` has not improved by `minimum_change` for `patience` evaluations.

    A metric improves by falling where its name has a word such as loss, error, crossentropy or
    spread, else by rising.
    """

    everywhere: ClassVar[bool] = True
    metric: str = "test_loss"
    patience: int = 10
    minimum_change: float = 0.0

    def __post_init__(self):
        whole_number("patience", self.patience, at_least=1)
        number("minimum_change", self.minimum_change, at_least=0)

    def on_start(self, training: Training) -> str | None:
        """Refuses a metric that no record will hold; judges the history of a resumed run."""
        if self.metric not in training.recorded:
            known = ", ".join(sorted(training.recorded))
            raise ParameterError(
                "metric",
                f"early stop waits for {self.metric!r}, which this run does not record; "
                f"give a test set for test_loss, or choose one of: {known}",
            )
        return self.on_round(training)

    def looks_at(self, round: int) -> bool:
        """Every round, but for the metrics of evaluations, after which a run pauses anyway."""
        return not self.metric.startswith(("test_", "clients_", "personal_"))

    def on_round(self, training: Training) -> str | None:
        """Judges the history alone, so that a resumed run stops where the first would have."""
        values = [r[self.metric] for r in training.history if self.metric in r]
        stale = evaluations_since_best(values, falls(self.metric), self.minimum_change)
        if stale >= self.patience:
            return f"{self.metric} has not improved for {stale} evaluations"
        return None


def evaluations_since_best(values: Sequence[float], lower: bool, change: float) -> int:
    """How many values follow the last one that improved on all before it by over `change`.

    A value that is not finite improves on nothing.
    """
    best, stale = math.inf, -1
    for value in values:
        loss = value if lower else -value
        improved = math.isfinite(loss) and loss < best - change
        best, stale = (loss, 0) if improved else (best, stale + 1)
    return max(stale, 0)
