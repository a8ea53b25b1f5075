"""Edits of who takes part in a round."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fedwhy.diagnosis.edits.data import on_data
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.simulation.samplers import Asynchronous


def cohort(size: int) -> Edit:
    """So many clients a round."""
    return Edit(
        f"{size} clients a round",
        lambda setup: setup.changed(cohort=size),
        lambda settings: (Change("train", "cohort", size),),
    )


def uniform_sampling() -> Edit:
    """Clients drawn uniformly from all of them, and nobody too late."""
    return Edit(
        "clients drawn uniformly from all",
        lambda setup: setup.changed(sampler=None, clock=None),
        lambda settings: tuple(
            Change(table, key, None)
            for table in ("sampler", "availability", "clock")
            for key in settings.get(table, {})
        ),
        "train(..., sampler=..., clock=...)  ->  train(...)",
    )


def drawn_anew(size: int) -> Edit:
    """So many clients a round, drawn uniformly from all."""
    drawn, many = uniform_sampling(), cohort(size)
    return drawn._replace(
        what=f"{size} clients a round, drawn uniformly from all",
        apply=lambda setup: many.apply(drawn.apply(setup)),
        changes=lambda settings: (*drawn.changes(settings), *many.changes(settings)),
    )


def synchronous() -> Edit:
    """Rounds that wait for their cohort, so that all begin with the current model."""
    return uniform_sampling()._replace(what="rounds that wait for their clients")


def concurrency(clients: int) -> Edit:
    """So many clients at work at the same time."""

    def apply(setup: Setup) -> Setup:
        if not isinstance(setup.sampler, Asynchronous):
            raise ParameterError("sampler", "expected Asynchronous, which has a concurrency")
        return setup.changed(sampler=replace(setup.sampler, concurrency=clients))

    def changes(settings: Settings) -> tuple[Change, ...]:
        return (Change("sampler", "concurrency", clients),)

    return Edit(f"{clients} clients at work at the same time", apply, changes)


def only(positions: np.ndarray) -> Edit:
    """These clients of the population alone."""
    return Edit(
        f"the {len(positions)} clients alone that agree with each other",
        lambda setup: on_data(setup, lambda clients: clients.select(positions), ("clients",)),
    )
