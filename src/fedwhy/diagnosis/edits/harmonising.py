"""`harmonised`: clients' inputs brought to one mean and spread, as far as labels do not tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.diagnosis.edits.aligning import Effects, effects_of
from fedwhy.diagnosis.facts.labels import strata_of
from fedwhy.diagnosis.facts.turning import Turns, fits, turns_of
from fedwhy.diagnosis.finding import Edit
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError


def harmonised() -> Edit:
    """Each client's inputs shifted and scaled to the mean and spread that their labels ask for.

    ComBat (Johnson, Li and Rabinovic 2007, "Adjusting batch effects in microarray expression data
    using empirical Bayes methods") with labels as covariates: what a client adds and what it
    multiplies by are estimated beside the means of the labels, see `aligned`, and taken out. The
    reference is the test set's mean where there is one, of which no label is looked at, else all
    clients'; the scale is the median client's. Images are turned first, see `turns_of`.
    """
    return Edit(
        "clients' inputs harmonised: the same mean and spread everywhere, given their labels",
        apply,
        code="x = (x - added[client]) / factor[client]  # ComBat with labels as covariates",
    )


def apply(setup: Setup) -> Setup:
    """`setup` with the inputs of its clients harmonised; the test set stays as it is."""
    clients, test, tested = setup.clients, setup.test, setup.test_clients
    strata, (arrays, structure) = strata_of(clients.y), jax.tree.flatten(clients.x)
    if test is not None and jax.tree.structure(test.x) != structure:
        raise ParameterError("test", "holds other arrays than the clients")
    reference = [None] * len(arrays) if test is None else jax.tree.leaves(test.x)
    if not all(fits(clients.clients, strata, array[0].size) for array in arrays):
        raise ParameterError("clients", "have too many labels and features for a mean of each")
    found = [
        harmony_of(array, strata, clients.owner, theirs)
        for array, theirs in zip(arrays, reference, strict=True)
    ]

    def change(data: FederatedDataset) -> FederatedDataset:
        owner = places(clients, data)
        changed = [
            harmony.of(array, owner)
            for array, harmony in zip(jax.tree.leaves(data.x), found, strict=True)
        ]
        return replace(data, x=jax.tree.unflatten(structure, changed))

    parts: dict[str, Any] = {}
    parts["clients"] = change(clients)
    if tested is not None:
        parts["test_clients"] = parts["clients"] if tested is clients else change(tested)
    return setup.changed(**parts)


class Harmony(NamedTuple):
    """What is done to one array of the clients' inputs.

    `scale` is the median client's, `offset` float64 `[features]` what brings all to the reference.
    """

    turns: Turns
    effects: Effects
    scale: float
    offset: np.ndarray

    def of(self, array: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """An array `[examples, ...]` of the clients `owner`, float32."""
        turned = self.turns.of(flat(array), owner)
        inputs = self.effects.out_of(turned, owner) * self.scale + self.offset
        return inputs.astype(np.float32).reshape(array.shape)


def harmony_of(
    array: np.ndarray, strata: np.ndarray, owner: np.ndarray, reference: np.ndarray | None
) -> Harmony:
    """The harmony of one array, with the inputs of a test set as `reference`."""
    x = flat(array)
    there = None if reference is None else flat(reference).mean(axis=0)
    turns = turns_of(x, array.shape[1:], strata, owner, there)
    turned = turns.of(x, owner)
    effects = effects_of(turned, strata, owner)
    scale = float(np.median(effects.deviation))
    mean = (effects.out_of(turned, owner) * scale).mean(axis=0)
    return Harmony(turns, effects, scale, (turned.mean(axis=0) if there is None else there) - mean)


def flat(array: np.ndarray) -> np.ndarray:
    """An array as float64 `[examples, features]`."""
    return array.reshape(len(array), -1).astype(np.float64)


def places(clients: FederatedDataset, data: FederatedDataset) -> np.ndarray:
    """For each example of `data` the position among `clients` of who holds it, int64."""
    position = {client: place for place, client in enumerate(clients.ids.tolist())}
    try:
        found = np.array([position[client] for client in data.ids.tolist()], np.int64)
    except KeyError as error:
        raise ParameterError("test_clients", f"client {error} trains on nothing") from None
    return found[data.owner]
