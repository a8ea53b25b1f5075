"""Runs in which some clients are never drawn, or others take their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.data.arranging import at_rows
from fedwhy.diagnosis.edits.data import on_data
from fedwhy.diagnosis.finding import Edit
from fedwhy.diagnosis.setup import Setup
from fedwhy.engine import Cohort
from fedwhy.errors import ParameterError
from fedwhy.simulation.samplers import Asynchronous, Poisson, Population, Sampler, Uniform

# So many clients are named, and the others counted.
NAMED = 8


@dataclass(frozen=True)
class LeavingOut:
    """`sampler`, which never draws the clients at the positions `left_out`.

    The others keep their positions, and so their random numbers: nothing else is changed. Where
    fewer than the cohort are left, it is smaller.
    """

    sampler: Sampler
    left_out: tuple[int, ...]

    @property
    def waits(self) -> bool:
        """Whether `sampler` waits."""
        return self.sampler.waits

    def draw(self, population: Population, size: int, seed: int, round: int) -> Cohort:
        """What `sampler` draws from the others."""
        there = population.positions[~np.isin(population.positions, self.left_out)]
        if not len(there):
            return Cohort.of(there)
        return self.sampler.draw(population._replace(positions=there), size, seed, round)


def without_the_left_out(setup: Setup) -> Setup:
    """`setup` as it looks from those who may take part: the others' examples are not there.

    Clients are drawn uniformly, since a sampler of the user's may know the others by position.
    """
    if not isinstance(setup.sampler, LeavingOut):
        return setup
    there = np.setdiff1d(np.arange(setup.clients.clients), setup.sampler.left_out)
    part = setup.changed(sampler=None)
    return on_data(part, lambda clients: clients.select(there), ("clients",))


def without_clients(positions: Sequence[int], setup: Setup) -> Edit:
    """The clients of `setup` at these positions never take part.

    `apply` raises `ParameterError` for asynchronous runs, in which all clients report, for Poisson
    sampling, and for clients that other examples were dealt to.
    """
    left_out = tuple(sorted(map(int, positions)))
    ids = setup.clients.ids[list(left_out)].tolist()
    sizes = setup.clients.sizes[list(left_out)]

    def apply(setup: Setup) -> Setup:
        if isinstance(setup.sampler, Asynchronous):
            raise ParameterError("sampler", "Asynchronous() draws from all clients")
        if isinstance(setup.sampler, Poisson):
            raise ParameterError("sampler", "Poisson() promises that every client may be drawn")
        there = setup.clients
        same = left_out[-1] < there.clients and there.ids[list(left_out)].tolist() == ids
        if not same or (there.sizes[list(left_out)] > sizes).any():
            raise ParameterError("clients", "are not those that the updates came from")
        return setup.changed(sampler=LeavingOut(setup.sampler or Uniform(), left_out))

    return Edit(
        f"{named(ids)} left out",
        apply,
        code=f"clients = clients.select(~np.isin(clients.ids, {ids!r}))",
    )


def replaced(positions: Sequence[int], setup: Setup) -> Edit:
    """New clients that hold the examples of those at these positions, who never take part.

    What the examples would have brought, had a sound client held them: the counterfactual of
    clients that send something else than what they have learned. The others keep their positions.
    """
    at = np.array(sorted(map(int, positions)))
    left_out = without_clients(positions, setup)

    def apply(setup: Setup) -> Setup:
        without = left_out.apply(setup)
        return on_data(without, lambda clients: with_successors(clients, at), ("clients",))

    return Edit(f"new clients in place of {named(setup.clients.ids[at].tolist())}", apply)


def with_successors(clients: FederatedDataset, positions: np.ndarray) -> FederatedDataset:
    """`clients`, and after them new ones with the examples of those at these positions."""
    starts, ends = clients.offsets[positions], clients.offsets[positions + 1]
    theirs = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
    rows = np.concatenate([np.arange(len(clients)), *theirs])
    names = clients.ids[positions]
    if names.dtype.kind in "iu":
        new = clients.ids.max() + 1 + np.arange(len(names))
    else:
        new = np.array([f"{name}-anew" for name in names])
    sizes = np.concatenate([clients.sizes, clients.sizes[positions]])
    return at_rows(clients, rows, sizes, np.concatenate([clients.ids, new]))


def named(ids: Sequence[object]) -> str:
    """The clients in words: "client 3", "clients 3, 5 and 7", "client-3 and client-5"."""
    told = [str(id) for id in ids[:NAMED]]
    word = "" if told[0].startswith("client") else "client " if len(ids) == 1 else "clients "
    if len(ids) > NAMED:
        told.append(f"{len(ids) - NAMED} more")
    return word + " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))
