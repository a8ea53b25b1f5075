"""`harmonised`: clients' inputs brought to one mean and spread, as far as labels do not tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.diagnosis.edits.aligning import Effects, effects_of
from fedwhy.diagnosis.facts.labels import strata_of
from fedwhy.diagnosis.finding import Edit
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError


def harmonised() -> Edit:
    """Each client's inputs shifted and scaled to the mean and spread that their labels ask for.

    ComBat (Johnson, Li and Rabinovic 2007, "Adjusting batch effects in microarray expression data
    using empirical Bayes methods") with labels as covariates: what a client adds and what it
    multiplies by are estimated beside the means of the labels, see `aligned`, and taken out. The
    reference is the test set's mean where there is one, of which no label is looked at, else all
    clients'; the scale is the median client's.
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
    effects = [effects_of(flat(array), strata, clients.owner) for array in arrays]
    parts: dict[str, Any] = {}
    offsets = []
    for array, effect, theirs in zip(arrays, effects, reference, strict=True):
        there = (flat(array) if theirs is None else flat(theirs)).mean(axis=0)
        offsets.append(there - on_one_scale(flat(array), effect, clients.owner).mean(axis=0))

    def change(data: FederatedDataset) -> FederatedDataset:
        owner = places(clients, data)
        changed = [
            (on_one_scale(flat(array), effect, owner) + offset)
            .astype(np.float32)
            .reshape(array.shape)
            for array, effect, offset in zip(jax.tree.leaves(data.x), effects, offsets, strict=True)
        ]
        return replace(data, x=jax.tree.unflatten(structure, changed))

    parts["clients"] = change(clients)
    if tested is not None:
        parts["test_clients"] = parts["clients"] if tested is clients else change(tested)
    return setup.changed(**parts)


def flat(array: np.ndarray) -> np.ndarray:
    """An array as float64 `[examples, features]`."""
    return array.reshape(len(array), -1).astype(np.float64)


def on_one_scale(x: np.ndarray, effects: Effects, owner: np.ndarray) -> np.ndarray:
    """Inputs without the effects of their clients, on the median client's scale."""
    return effects.out_of(x, owner) * float(np.median(effects.deviation))


def places(clients: FederatedDataset, data: FederatedDataset) -> np.ndarray:
    """For each example of `data` the position among `clients` of who holds it, int64."""
    position = {client: place for place, client in enumerate(clients.ids.tolist())}
    try:
        found = np.array([position[client] for client in data.ids.tolist()], np.int64)
    except KeyError as error:
        raise ParameterError("test_clients", f"client {error} trains on nothing") from None
    return found[data.owner]
