"""`Watch`: says what goes wrong while a run goes on, when it happens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from fedwhy.algorithms import Algorithm
from fedwhy.data import Dataset
from fedwhy.diagnosis.watching import JUDGES, Seen
from fedwhy.simulation import Callback, Training

log = logging.getLogger("fedwhy")

# An event is over after so many records without it; the next one of its kind is then a new one.
OVER = 10


class Watch(Callback):
    """Judges the history while a run goes on, and warns in the log once for each event.

    What it says is kept with the record, as its `remarks`. It judges by what was recorded alone,
    so that a resumed run says what the first would have. It needs a test set for all that concerns
    accuracy. `fedwhy diagnose` finds out more.
    """

    def on_start(self, training: Training) -> None:
        """Looks at what a resumed run has recorded; nothing of that is said again."""
        test, base = training.test, base_rate(training.algorithm, training.test)
        self._seen = Seen.nothing(0 if test is None else len(test), base)
        self._since: dict[str, int] = {}
        for record in training.history:
            self._judge(record)

    def looks_at(self, round: int) -> bool:
        """No round in particular."""
        return False

    def remarks(self, record: Mapping[str, Any]) -> list[str]:
        """What happens in this round, and has not been said yet."""
        said = self._judge(record)
        for remark in said:
            log.warning("round %d: %s. `fedwhy diagnose` says more", record["round"], remark)
        return said

    def _judge(self, record: Mapping[str, Any]) -> list[str]:
        self._seen.add(record)
        self._since = {kind: n + 1 for kind, n in self._since.items() if n < OVER}
        events = [event for judge in JUDGES if (event := judge(self._seen))]
        new = [f"{e.what} ({e.code})" for e in events if e.kind not in self._since]
        self._since |= {event.kind: 0 for event in events}
        return new


def base_rate(algorithm: Algorithm, test: Dataset | None) -> float | None:
    """The share of the most frequent class of the test set; None where it has no classes."""
    model = algorithm.model
    if test is None or test.classes is None or not model.classes_from_output:
        return None
    labels = np.asarray(test.y).ravel()
    if model.ignored_class is not None:
        labels = labels[labels != model.ignored_class]
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else None
