"""`Setup`: everything that a run is made of, in parts of which one can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from fedwhy.algorithms import Algorithm, innermost, remade
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.engine import Engine
from fedwhy.errors import ParameterError, whole_number
from fedwhy.models import Model
from fedwhy.simulation import Clock, Run, train
from fedwhy.simulation.samplers import Asynchronous, Sampler
from fedwhy.simulation.sampling import cohort_size


@dataclass(frozen=True)
class Setup:
    """The arguments of `train`, kept for being run again with one thing changed.

    `settings` are the tables of the experiment file that it was read from; empty where it was made
    in Python.

    Raises `ParameterError` for numbers of rounds or clients that no run can have.
    """

    algorithm: Algorithm
    clients: FederatedDataset
    rounds: int
    cohort: int | float
    seed: int = 0
    sampler: Sampler | Asynchronous | None = None
    clock: Clock | None = None
    test: Dataset | None = None
    test_clients: FederatedDataset | None = None
    engine: Engine | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self):
        whole_number("rounds", self.rounds, at_least=1)
        whole_number("seed", self.seed, at_most=2**32 - 1)
        cohort_size(self.cohort, self.clients.clients)

    @property
    def model(self) -> Model:
        """The model that clients train."""
        return self.algorithm.model

    @property
    def arguments(self) -> dict[str, Any]:
        """What the algorithm was made of, by the names of its parameters; empty if unknown.

        Those that were left out are not there. What wraps it (an average, an aggregator) is not
        looked at.
        """
        recipe = innermost(self.algorithm).recipe if self.algorithm.recipe else None
        return {} if recipe is None else recipe.arguments

    @property
    def local(self) -> Any:
        """The local training, such as a `LocalSGD`; None where the algorithm does not tell."""
        return self.arguments.get("client")

    def changed(self, **parts: Any) -> Setup:
        """Returns it with other parts: fields of its own, and arguments of its algorithm.

        Raises `ParameterError` for an argument of an algorithm that does not know how it was made.
        """
        own = {f.name for f in fields(self)}
        ours = {name: part for name, part in parts.items() if name in own}
        its = {name: part for name, part in parts.items() if name not in own}
        setup = replace(self, **ours)
        return replace(setup, algorithm=remade(setup.algorithm, **its)) if its else setup

    def with_local(self, **options: Any) -> Setup:
        """Returns it with other options of local training, such as `epochs=1`.

        Raises `ParameterError` where its local training has no such option, or is not known.
        """
        local = self.local
        for name in options:
            if not hasattr(local, name):
                kind = "unknown" if local is None else f"a {type(local).__name__}"
                raise ParameterError(
                    name, f"the local training is {kind}, which has no such option"
                )
        return self.changed(client=replace(local, **options))

    def train(self, rounds: int, seed: int, **options: Any) -> Run:
        """Trains for so many rounds, without a progress bar; `options` are more of `train`'s."""
        quiet: dict[str, Any] = {"progress": False}
        return train(
            self.algorithm,
            self.clients,
            rounds=rounds,
            cohort=self.cohort,
            seed=seed,
            sampler=self.sampler,
            clock=self.clock,
            test=self.test,
            test_clients=self.test_clients,
            engine=self.engine,
            **(quiet | options),
        )
