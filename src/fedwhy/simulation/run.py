"""`Run`: what training gives back."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from fedwhy.algorithms import Algorithm, LocalSGD, ServerState
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.engine import ClientState, ClientStates, Settings
from fedwhy.engine.devices import everywhere, make_mesh, place
from fedwhy.engine.states import client_states
from fedwhy.errors import DataError, ParameterError
from fedwhy.federated import trees
from fedwhy.models import Weights
from fedwhy.simulation.evaluation import Evaluator, predict
from fedwhy.simulation.personal import FineTuned, FineTuning, OwnModels
from fedwhy.simulation.scores import Scores

# What the summary of a run tells where it was measured: of single clients, and of a clock.
IF_MEASURED = (
    *("clients_accuracy_worst_decile", "personal_accuracy", "personal_accuracy_worst_decile"),
    *("simulated_seconds", "epsilon"),
)
# What it adds up over the rounds.
TRAFFIC = ("bytes_down", "bytes_up")


@dataclass(frozen=True, repr=False)
class Run:
    """A finished run: the trained model, and what happened round by round.

    `server` and `states` (of every client, axis `[clients]` first) are NumPy arrays. `history`
    holds one record per round, see `train`. `engine` is how rounds were run. `stopped` says why the
    run ended before its last round, or is None; `diverged` is True where that was an aggregate that
    is not finite, or rounds in which no client sent what could be taken; `interrupted` after
    Ctrl-C.
    """

    algorithm: Algorithm
    server: ServerState
    states: ClientState
    history: list[dict[str, Any]]
    clients: int
    cohort: int
    seed: int
    dataset: str
    engine: Settings
    stopped: str | None = None
    interrupted: bool = False
    diverged: bool = False

    def __repr__(self) -> str:
        told = [repr(self.algorithm.name), repr(self.dataset), f"rounds {self.rounds}"]
        for name in ("test_accuracy", "test_loss"):
            if (value := last(self.history, name)) is not None:
                told.append(f"{name} {value:.4g}")
        return f"Run({', '.join(told)}{f', stopped: {self.stopped}' if self.stopped else ''})"

    @property
    def weights(self) -> Weights:
        """The global model's weights after the last round."""
        return self.algorithm.evaluated(self.server)

    @property
    def rounds(self) -> int:
        """How many rounds were finished; those that a run diverged in are not."""
        undone = list(takewhile(diverges, reversed(self.history))) if self.diverged else []
        return self.history[-1]["round"] - len(undone)

    @property
    def test_accuracy(self) -> float | None:
        """The last evaluation's accuracy on the test set; None if there was none."""
        return last(self.history, "test_accuracy")

    @property
    def test_loss(self) -> float | None:
        """The last evaluation's loss on the test set; None if there was none."""
        return last(self.history, "test_loss")

    def evaluate(self, data: Dataset | FederatedDataset) -> Scores:
        """Loss and metrics of the trained model on `data`."""
        return Evaluator(self.algorithm.model, data)(self.weights).scores

    def evaluate_own(self, clients: FederatedDataset, test_clients: FederatedDataset) -> Scores:
        """Loss and metrics of every client's own model on its examples in `test_clients`.

        `clients` are those of the run. Raises `DataError` for a test client that is none of them,
        and `ParameterError` where the algorithm gives clients no models of their own.
        """
        self._check_clients(clients)
        if self.algorithm.client(self.algorithm.model).own is None:
            raise ParameterError(
                "algorithm",
                f"clients of {self.algorithm.name} have no models of their own; evaluate() scores "
                "the global model, and fine_tune() makes a model of it for each client",
            )
        own = OwnModels(self.algorithm, clients, test_clients, self.server, self.engine)
        return own(self._server_on_devices(), self._client_states())

    def fine_tune(
        self, clients: FederatedDataset, test_clients: FederatedDataset, training: LocalSGD
    ) -> FineTuned:
        """Every client's model, before and after it trains on the client's examples in `clients`.

        Clients begin with their own models, or with the global one where they have none, train as
        `training` says, and are scored on their examples in `test_clients`. What they learn is not
        kept. `LocalSGD(..., trainable=model.in_last_layer)` tunes the last layer alone; a
        `proximal` term holds clients near the global model. `clients` are those of the run, raises
        `DataError` for a test client that is none of them.
        """
        self._check_clients(clients)
        tune = FineTuning(self.algorithm, clients, test_clients, self.server, self.engine, training)
        return tune(self._server_on_devices(), self._client_states(), self.seed)

    def predict(self, x: Any) -> Any:
        """The trained model's outputs for `x` `[examples, ...]`, NumPy arrays.

        Raises `DataError` for no examples, and for values that JAX cannot hold.
        """
        return predict(self.algorithm.model, self.weights, x)

    def _check_clients(self, clients: FederatedDataset) -> None:
        if clients.clients != self.clients:
            raise DataError(
                f"{clients.name} has {clients.clients} clients, the run had {self.clients}; give "
                "those that it was trained on"
            )

    def _server_on_devices(self) -> ServerState:
        return place(self.server, everywhere(make_mesh(self.engine.devices)))

    def _client_states(self) -> ClientStates:
        mesh = make_mesh(self.engine.devices)
        states = client_states(trees.row(self.states, 0), self.clients, mesh)
        states.restore(self.states)
        return states

    def summary(self) -> dict[str, Any]:
        """The run in numbers, as plain Python values.

        `seconds_per_round` is the median without the first round, which compiles; `bytes_down` and
        `bytes_up` are those of all rounds, and with a clock there are `simulated_seconds`.
        """
        return {
            "algorithm": self.algorithm.name,
            "dataset": self.dataset,
            "rounds": self.rounds,
            "clients": self.clients,
            "cohort": self.cohort,
            "seed": self.seed,
            **results(self.history),
            "parameters": trees.size(self.weights.params),
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "diverged": self.diverged,
        }


def diverges(record: Mapping[str, Any]) -> bool:
    """Whether a round had no message that could be taken, or an aggregate that is not finite."""
    return record.get("void", False) or not math.isfinite(record.get("aggregate_norm", 0))


def results(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The part of a run's summary that its history tells; None for what was not measured."""
    accuracies = [
        (accuracy, r["round"]) for r in history if (accuracy := r.get("test_accuracy")) is not None
    ]
    best = max(accuracies, key=lambda pair: (pair[0], -pair[1]), default=(None, None))
    seconds = [r["seconds"] for r in history if "seconds" in r]
    return {
        "test_accuracy": last(history, "test_accuracy"),
        "test_loss": last(history, "test_loss"),
        "best_test_accuracy": best[0],
        "best_round": best[1],
        "seconds_per_round": statistics.median(seconds[1:] or seconds) if seconds else None,
        **{name: sum(r.get(name, 0) for r in history) for name in TRAFFIC},
        **{name: value for name in IF_MEASURED if (value := last(history, name)) is not None},
    }


def last(history: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The newest value of `name`; None where no record has it."""
    return next((r[name] for r in reversed(history) if name in r), None)
