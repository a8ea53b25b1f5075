"""Edits that causes of several groups use."""

from __future__ import annotations

from typing import Any

import numpy as np
import optax

from fedwhy.algorithms import LocalSGD
from fedwhy.data import FederatedDataset
from fedwhy.diagnosis.edits.aggregator import with_its_own_mean, without_attacks
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.simulation.sampling import cohort_size

# What `[client]` takes where it names no learning rate.
LEARNING_RATE = 0.1


def local(what: str, **options: Any) -> Edit:
    """Other options of local training, which `[client]` has under the same names."""
    return Edit(
        what,
        lambda setup: setup.with_local(**options),
        lambda settings: tuple(Change("client", key, value) for key, value in options.items()),
    )


def rate(factor: float) -> Edit:
    """Every local step so many times as long, whatever the optimizer."""

    def apply(setup: Setup) -> Setup:
        slower = optax.chain(setup.local.optimizer, optax.scale(factor))
        return setup.with_local(optimizer=slower)

    def changes(settings: Settings) -> tuple[Change, ...]:
        now = settings.get("client", {}).get("learning_rate", LEARNING_RATE)
        return (Change("client", "learning_rate", rounded(now * factor)),)

    return Edit(f"the client learning rate {times(factor)}", apply, changes)


def optimizer(what: str, made: optax.GradientTransformation, **keys: Any) -> Edit:
    """Another optimizer at the clients; `keys` are those of `[client]` that say so."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        gone = {"momentum": None} if "momentum" in settings.get("client", {}) else {}
        return tuple(Change("client", key, value) for key, value in (gone | keys).items())

    return Edit(what, lambda setup: setup.with_local(optimizer=made), changes)


def argument(what: str, table: str = "algorithm", /, **options: Any) -> Edit:
    """Other arguments of the algorithm, which `[algorithm]` or `[server]` has by these names."""
    return Edit(
        what,
        lambda setup: setup.changed(**options),
        lambda settings: tuple(Change(table, key, value) for key, value in options.items()),
    )


def pooled() -> Edit:
    """All examples at one client, who does as many steps in a round as its cohort did.

    Nobody attacks: that one is not the client whose position an attack has. And a rule that needs
    several messages, such as Krum, gives way to the mean of the only one.
    """

    def apply(setup: Setup) -> Setup:
        clients = setup.clients
        if not isinstance(setup.local, LocalSGD):
            raise ParameterError("client", "expected local training, such as LocalSGD(...)")
        share = cohort_size(setup.cohort, clients.clients) / clients.clients
        steps = setup.local.batching.steps_for(np.diff(clients.offsets)).sum() * share
        central = dealt(clients, np.zeros(len(clients.y), np.int64))
        # Each client's own score has no meaning then, unless there is no other.
        tested = central if setup.test is None and setup.test_clients is not None else None
        algorithm = without_attacks(setup.algorithm)
        if algorithm.aggregator.least > 1:
            algorithm = with_its_own_mean(algorithm)
        setup = setup.changed(
            algorithm=algorithm,
            clients=central,
            test_clients=tested,
            cohort=1,
            sampler=None,
            clock=None,
        )
        return setup.with_local(steps=max(1, round(steps)), epochs=None)

    return Edit("all examples at one place", apply)


def dealt(clients: FederatedDataset, owner: np.ndarray) -> FederatedDataset:
    """The same examples, of which number i belongs to client `owner[i]` of those there are."""
    return FederatedDataset.from_arrays(
        clients.x, clients.y, owner, classes=clients.classes, name=clients.name
    )


def without_change(setup: Setup) -> Setup:
    """For edits that only a person can make: there is nothing to run."""
    raise ParameterError("prescription", "is a change to your own code")


def times(factor: float) -> str:
    """A factor of a rate in words."""
    if factor > 1:
        return f"{rounded(factor):g} times as high"
    return f"{rounded(1 / factor):g} times lower"


def rounded(value: float) -> float:
    """Two significant digits, as a person would write it."""
    return float(f"{value:.2g}")
