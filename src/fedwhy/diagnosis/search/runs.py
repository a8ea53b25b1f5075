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
            # The run as it is tells how every client fares; for the others a score is enough.
            scored = scored_alone(setup) if self.known else setup
            found = outcome(scored, min(self.rounds, setup.rounds), seed)
            as_it_is = next(iter(self.known.values()), found)
            self.known[name, seed] = found._replace(score=comparable(found, as_it_is))
            self.longest = max(self.longest, time.monotonic() - started)
        return self.known[name, seed]


def scored_alone(setup: Setup) -> Setup:
    """`setup` without tests on each client's examples, where its score does not come from them."""
    own = setup.algorithm.client(setup.model).own is not None
    return setup if own or setup.test is None else setup.changed(test_clients=None)


def outcome(setup: Setup, rounds: int, seed: int) -> Outcome:
    """Runs `setup` for so many rounds."""
    try:
        run = setup.train(rounds, seed, evaluate_every=max(1, rounds // EVALUATIONS))
    except FedwhyError as error:
        return Outcome(0.0, (), error=str(error))
    return Outcome(score(setup, run.history), run.history, None, run.diverged, run)


def comparable(outcome: Outcome, as_it_is: Outcome) -> float:
    """The score of `outcome`, in terms of the run as it is where only its clients have own models.

    Those are scored on their clients' own examples, which may be the ones that they train with, so
    that only their lead over the one model of the run as it is counts, on the same examples.
    """
    personal = at_last(outcome.history, "personal_accuracy")
    if personal is None or at_last(as_it_is.history, "personal_accuracy") is not None:
        return outcome.score
    shared = at_last(as_it_is.history, "clients_accuracy")
    if shared is None:
        return outcome.score
    return min(1.0, max(0.0, as_it_is.score + personal - shared))


def at_last(history: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean of the last evaluations; None where there are none, 0 where they are no number."""
    found = [record[name] for record in history if name in record]
    if not found:
        return None
    value = fmean(found[-LAST:])
    return value if math.isfinite(value) else 0.0


def score(setup: Setup, history: Sequence[Mapping[str, Any]]) -> float:
    """The score of a run with this history, from 0 to 1; see `Outcome`."""
    for source in ("personal", "test", "clients", "train"):
        accuracy = at_last(history, f"{source}_accuracy")
        if accuracy is not None:
            return accuracy
        losses = [r[f"{source}_loss"] for r in history if f"{source}_loss" in r]
        if losses:
            value = 1 - fmean(losses[-LAST:]) / of_a_constant(setup)
            return max(value, 0.0) if math.isfinite(value) else 0.0
    return 0.0


def of_a_constant(setup: Setup) -> float:
    """The mean squared error of predicting the mean target."""
    y = setup.clients.y if setup.test is None else setup.test.y
    return max(float(np.var(np.asarray(y, np.float64), axis=0).mean()), 1e-12)
