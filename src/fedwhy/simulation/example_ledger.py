"""`ExampleLedger`: what clients' training has spent of the privacy of their single examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedwhy.algorithms import Algorithm
from fedwhy.data import FederatedDataset
from fedwhy.errors import ParameterError
from fedwhy.privacy import Spending, Toeplitz, Unsampled
from fedwhy.simulation.clock import Clock
from fedwhy.simulation.samplers import Asynchronous, Population, Sampler


class ExampleLedger:
    """Every client's own account: how often it has passed over its examples, and what that costs.

    `passes` int64 `[clients]` are those of a round; `cohort_of(round)` are the positions of its
    clients.
    """

    def __init__(self, release: Any, passes: np.ndarray, rounds: int, cohort_of: Any):
        self.release, self.passes, self.cohort_of = release, passes, cohort_of
        most = int(passes.max(initial=0)) * rounds
        every = Unsampled.every_round(most)
        self.spending = Spending(
            release.noise_multiplier, every, Toeplitz(), release.delta, release.accountant
        )
        self._done, self._times = 0, np.zeros(len(passes), int)

    def passed(self, rounds: int) -> np.ndarray:
        """How often each client has passed over its examples, int64 `[clients]`."""
        if rounds < self._done:
            self._done, self._times = 0, np.zeros(len(self.passes), int)
        for number in range(self._done + 1, rounds + 1):
            self._times[self.cohort_of(number)] += 1
        self._done = rounds
        return self._times * self.passes

    def epsilon(self, rounds: int) -> float:
        """Of the client with the most passes, after so many rounds."""
        return self.spending.epsilon(int(self.passed(rounds).max(initial=0)))

    def to_dict(self, rounds: int) -> dict[str, Any]:
        """The statement of every client, told once for all that have passed equally often."""
        passes, clients = np.unique(self.passed(rounds), return_counts=True)
        return {
            "protects": "one example of a client",
            "neighbours": "zero out one example",
            "noise_multiplier": self.release.noise_multiplier,
            "delta": self.release.delta,
            "accountant": self.spending.accountant,
            "clients": [
                {"passes": int(p), "clients": int(c), "epsilon": self.spending.epsilon(int(p))}
                for p, c in zip(passes, clients, strict=True)
            ],
        }


def example_ledger(
    algorithm: Algorithm,
    sampler: Sampler | Asynchronous,
    clock: Clock | None,
    clients: FederatedDataset,
    cohort: int,
    rounds: int,
    seed: int,
) -> ExampleLedger | None:
    """The ledger of a run; None where clients' training does not hide single examples.

    Raises `ParameterError` where who takes part depends on how well examples are fit, or on who
    reports first. A deadline only leaves out some of those who are counted.
    """
    work = algorithm.client(algorithm.model)
    if work.privacy is None:
        return None
    if isinstance(sampler, Asynchronous) or sampler.waits:
        raise ParameterError(
            "sampler",
            f"whom {type(sampler).__name__} draws cannot be told beforehand, so that no guarantee "
            "accounts for it; take another",
        )
    if clock is not None and clock.over_selection > 1:
        raise ParameterError(
            "clock",
            "with over_selection others take part than the account of their examples counts; leave "
            "it out",
        )
    everyone = Population(clients, np.arange(clients.clients), lambda drawn: np.zeros(len(drawn)))
    per_epoch = work.batching.steps_per_epoch(clients.sizes)
    passes = -(-work.batching.steps_for(clients.sizes) // np.maximum(per_epoch, 1))
    return ExampleLedger(
        work.privacy,
        passes,
        rounds,
        lambda number: sampler.draw(everyone, cohort, seed, number).clients,
    )
