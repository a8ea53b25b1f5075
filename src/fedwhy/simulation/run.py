"""`Run`: what training gives back."""

import statistics
from dataclasses import dataclass
from typing import Any

from fedwhy.algorithms import Algorithm, ServerState
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.engine import ClientState
from fedwhy.federated import trees
from fedwhy.models import Weights
from fedwhy.simulation.evaluation import Evaluator, Scores, predict


@dataclass(frozen=True)
class Run:
    """A finished run: the trained model, and what happened round by round.

    `history` holds one record per round, see `train`. `stopped` says why the run ended before
    its last round, or is None; `diverged` is True where that was an aggregate that is not finite,
    `interrupted` after Ctrl-C.
    """

    algorithm: Algorithm
    server: ServerState
    states: ClientState
    history: list[dict[str, Any]]
    clients: int
    cohort: int
    seed: int
    dataset: str
    stopped: str | None = None
    interrupted: bool = False
    diverged: bool = False

    @property
    def weights(self) -> Weights:
        """The global model's weights after the last round."""
        return self.server.weights

    @property
    def rounds(self) -> int:
        """How many rounds were finished; one that was refused is not."""
        return self.history[-1]["round"] - self.diverged

    @property
    def test_accuracy(self) -> float | None:
        """The last evaluation's accuracy on the test set; None if there was none."""
        return self._last("test_accuracy")

    @property
    def test_loss(self) -> float | None:
        """The last evaluation's loss on the test set; None if there was none."""
        return self._last("test_loss")

    def evaluate(self, data: Dataset | FederatedDataset) -> Scores:
        """Loss and metrics of the trained model on `data`."""
        return Evaluator(self.algorithm.model, data)(self.weights)

    def predict(self, x: Any) -> Any:
        """The trained model's outputs for `x` `[examples, ...]`, NumPy arrays."""
        return predict(self.algorithm.model, self.weights, x)

    def summary(self) -> dict[str, Any]:
        """The run in numbers, as plain Python values.

        `seconds_per_round` is the median without the first round, which compiles.
        """
        accuracies = [
            (r["test_accuracy"], r["round"]) for r in self.history if "test_accuracy" in r
        ]
        best = max(accuracies, key=lambda pair: (pair[0], -pair[1]), default=(None, None))
        seconds = [r["seconds"] for r in self.history if "seconds" in r]
        return {
            "algorithm": self.algorithm.name,
            "dataset": self.dataset,
            "rounds": self.rounds,
            "clients": self.clients,
            "cohort": self.cohort,
            "seed": self.seed,
            "test_accuracy": self.test_accuracy,
            "test_loss": self.test_loss,
            "best_test_accuracy": best[0],
            "best_round": best[1],
            "seconds_per_round": statistics.median(seconds[1:] or seconds) if seconds else None,
            "parameters": trees.size(self.weights.params),
            "stopped": self.stopped,
            "interrupted": self.interrupted,
            "diverged": self.diverged,
        }

    def _last(self, name: str) -> float | None:
        return next((r[name] for r in reversed(self.history) if name in r), None)
