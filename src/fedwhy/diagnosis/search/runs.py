"""`Runs`: short runs of a setup and of changed ones, from the same seed, within a budget."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import FedwhyError
from fedwhy.simulation import Run

# The last evaluations of a run, whose mean is its score.
LAST = 3
EVALUATIONS = 8


class Outcome(NamedTuple):
    """How a run did.

    `score` is its accuracy, or for models without one `1 - loss / loss of the best constant`, at
    least 0: the mean over its last evaluations. It is 0 for a run that was refused, with the reason
    in `error`, or that diverged. `history` holds its records, `run` all of it, None where it
    was refused.
    """

    score: float
    history: Sequence[Mapping[str, Any]]
    error: str | None = None
    diverged: bool = False
    run: Run | None = None


@dataclass
class Runs:
    """Runs that cost at most `budget` seconds together; the same run is not run twice."""

    budget: float
    rounds: int
    began: float = field(default_factory=time.monotonic)
    longest: float = 0.0
    known: dict[Any, Outcome] = field(default_factory=dict)

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.budget - (time.monotonic() - self.began)

    @property
    def exhausted(self) -> bool:
        """Whether one more run as long as the longest so far may not fit."""
        return self.left < self.longest

    def run(self, name: Any, setup: Setup, seed: int) -> Outcome:
        """The outcome of `setup`, which is called `name`, from this seed."""
        if (name, seed) not in self.known:
            started = time.monotonic()
            self.known[name, seed] = outcome(setup, min(self.rounds, setup.rounds), seed)
            self.longest = max(self.longest, time.monotonic() - started)
        return self.known[name, seed]


def outcome(setup: Setup, rounds: int, seed: int) -> Outcome:
    """Runs `setup` for so many rounds."""
    try:
        run = setup.train(rounds, seed, evaluate_every=max(1, rounds // EVALUATIONS))
    except FedwhyError as error:
        return Outcome(0.0, (), error=str(error))
    return Outcome(score(setup, run.history), run.history, None, run.diverged, run)


def score(setup: Setup, history: Sequence[Mapping[str, Any]]) -> float:
    """The score of a run with this history, from 0 to 1; see `Outcome`."""
    for source in ("personal", "test", "clients", "train"):
        accuracies = [r[f"{source}_accuracy"] for r in history if f"{source}_accuracy" in r]
        if accuracies:
            value = fmean(accuracies[-LAST:])
            return value if math.isfinite(value) else 0.0
        losses = [r[f"{source}_loss"] for r in history if f"{source}_loss" in r]
        if losses:
            value = 1 - fmean(losses[-LAST:]) / of_a_constant(setup)
            return max(value, 0.0) if math.isfinite(value) else 0.0
    return 0.0


def of_a_constant(setup: Setup) -> float:
    """The mean squared error of predicting the mean target."""
    y = setup.clients.y if setup.test is None else setup.test.y
    return max(float(np.var(np.asarray(y, np.float64), axis=0).mean()), 1e-12)
