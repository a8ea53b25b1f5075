"""`Seen`: what is looked at to judge a run that goes on, and `Event`, what may be said of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any, NamedTuple

Record = Mapping[str, Any]

# The newest records that are looked at, of rounds and of evaluations: what a judgement costs does
# not grow with the run.
WINDOW = 60
# A server that steps so many times as far as clients' mean update says, has a rate of its own.
AMPLIFIED = 3.0
# Local training that ends above this part of the first batch's loss learns next to nothing.
LEARNS = 0.8


class Event(NamedTuple):
    """Something that happened to a run: `what` as a sentence, and the cause most likely behind it.

    Events of one `kind` in a row are one event.
    """

    kind: str
    what: str
    code: str


class Seen(NamedTuple):
    """A run so far.

    - `first`: what was recorded before the first round, and where nothing was, in it
    - `rounds`, `evaluations`: the newest records of rounds, and those with an evaluation of the
      test set; at most `WINDOW`, the newest last
    - `examples`: how many the test set has; 0 without one
    - `base`: the accuracy of whoever always names its most frequent class; None where none is known
    """

    first: dict[str, Any]
    rounds: deque[Record]
    evaluations: deque[Record]
    examples: int = 0
    base: float | None = None

    @staticmethod
    def nothing(examples: int = 0, base: float | None = None) -> Seen:
        """Before the first record."""
        return Seen({}, deque(maxlen=WINDOW), deque(maxlen=WINDOW), examples, base)

    def add(self, record: Record) -> None:
        """One more record."""
        if record["round"] <= 1:
            self.first.update({k: v for k, v in record.items() if k not in self.first})
        if record["round"] > 0:
            self.rounds.append(record)
        if "test_loss" in record:
            self.evaluations.append(record)

    @property
    def accuracies(self) -> list[float]:
        """The test accuracies, where the model has one."""
        return values(self.evaluations, "test_accuracy")

    def error_of(self, accuracy: float) -> float:
        """The standard error of an accuracy on a test set of this size (binomial)."""
        return math.sqrt(max(accuracy * (1 - accuracy), 0.0) / max(self.examples, 1))

    @property
    def noise(self) -> float:
        """How far an accuracy may fall without anything being wrong.

        The largest of three standard errors of a difference on a test set of this size, three times
        what accuracy typically moves between two evaluations, and 3 points.
        """
        moves = [abs(b - a) for a, b in pairwise(self.accuracies)] or [0.0]
        return max(3 * math.sqrt(2) * self.error_of(0.5), 3 * median(moves), 0.03)

    @property
    def at_base(self) -> float | None:
        """Up to which accuracy a model has learned nothing: three standard errors above the base.

        None where no base rate is known.
        """
        return None if self.base is None else self.base + 3 * self.error_of(self.base)


def values(records: Iterable[Record], name: str) -> list[float]:
    """The values of `name` where records have it; NaN for what is no number."""
    found = (record[name] for record in records if name in record)
    return [float(v) if isinstance(v, int | float) else math.nan for v in found]


def mean(records: Sequence[Record], name: str) -> float:
    """The mean of `name` over the last few records; NaN where they do not have it."""
    found = values(list(records)[-5:], name)
    return fmean(found) if found else math.nan


def amplified(records: Sequence[Record]) -> bool:
    """Whether the server goes much further than the aggregate says, by a rate of its own."""
    return mean(records, "step_norm") > AMPLIFIED * mean(records, "aggregate_norm")


def learns(records: Sequence[Record]) -> bool:
    """Whether local training makes clients' losses much smaller."""
    return mean(records, "local_loss_last") < LEARNS * mean(records, "local_loss_first")
