"""`Evidence`: what the causes look at, computed once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fedwhy.diagnosis.client_updates import Updates
from fedwhy.diagnosis.data_facts import DataFacts, data_facts
from fedwhy.diagnosis.model_facts import ModelFacts, model_facts
from fedwhy.diagnosis.setup import Setup


@dataclass
class Evidence:
    """A run, and what is known of it so far.

    `history` holds its records, see `train`; `updates` what each client of one round sent, first
    with the initial model and then with the trained one; both None before the run. `error` is what
    it was refused with, where it could not be run at all.
    """

    setup: Setup
    history: Sequence[Mapping[str, Any]] | None = None
    updates: tuple[Updates, Updates] | None = None
    error: str | None = None

    @cached_property
    def data(self) -> DataFacts:
        """What clients tell of their examples, and the same of the test set."""
        return data_facts(self.setup)

    @cached_property
    def model(self) -> ModelFacts:
        """What the untrained model does with a few batches of the clients' examples."""
        return model_facts(self.setup)

    def curve(self, name: str) -> list[float]:
        """The values of `name` in the history, in order, where records have it."""
        return [float(record[name]) for record in self.history or () if name in record]
