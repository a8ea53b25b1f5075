"""`aligned`: undoes that clients scaled their inputs each in its own way, as far as labels tell."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from fedwhy.data import Dataset, FederatedDataset
from fedwhy.diagnosis.facts.labels import strata_of
from fedwhy.diagnosis.facts.turning import cell_sums

AnyDataset = TypeVar("AnyDataset", Dataset, FederatedDataset)
STEPS = 200


def aligned(data: AnyDataset) -> AnyDataset:
    """The inputs of each label brought to the same place at all clients; a test set is one client.

    A client that subtracted `m_c` and divided by `s_c` has, of label k, the mean
    `(M_k - m_c) / s_c` and within it the deviation `S / s_c`. So `s_c` follows from the deviations
    within labels, and `M_k` and `m_c` from a table of means by client and label with additive
    effects of both, by alternating least squares (Yates 1934, "The analysis of multiple
    classifications with unequal numbers"). Then all are standardised together. What connects
    clients are labels that they share: one that shares none stays in its own place.
    """
    strata = strata_of(data.y)
    alone = np.zeros(len(data), np.int32)
    owner = data.owner if isinstance(data, FederatedDataset) else alone
    return replace(data, x=jax.tree.map(lambda a: aligned_array(a, strata, owner), data.x))


def aligned_array(array: np.ndarray, strata: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """One array `[examples, ...]` of the clients `owner`, float32."""
    x = array.reshape(len(array), -1).astype(np.float64)
    joined = effects_of(x, strata, owner).out_of(x, owner)
    spread = joined.std(axis=0)
    joined = (joined - joined.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return joined.astype(np.float32).reshape(array.shape)


class Effects(NamedTuple):
    """What clients do to inputs, each its own: they have it `deviation` times, and `shift` off.

    `deviation` float64 `[clients, 1]`; `shift` float64 `[clients, features]`, in such deviations.
    """

    deviation: np.ndarray
    shift: np.ndarray

    def out_of(self, x: np.ndarray, owner: np.ndarray) -> np.ndarray:
        """Inputs `x` `[examples, features]` of the clients `owner` without these effects."""
        return x / self.deviation[owner] - self.shift[owner]


def effects_of(x: np.ndarray, strata: np.ndarray, owner: np.ndarray) -> Effects:
    """The effects of clients in inputs `x` float64 `[examples, features]`; see `aligned`."""
    clients, classes = int(owner.max()) + 1, int(strata.max()) + 1
    cell = owner.astype(np.int64) * classes + strata
    count = np.bincount(cell, minlength=clients * classes).reshape(clients, classes)
    mean = cell_sums(x, cell, count) / np.maximum(count, 1)[..., None]
    within = cell_sums(np.square(x - mean.reshape(-1, x.shape[1])[cell]), cell, count).sum(axis=1)
    free = np.maximum(count.sum(axis=1) - (count > 0).sum(axis=1), 1)[:, None]
    # Of all features together: single ones of few examples would be left to chance.
    deviation = np.sqrt((within / free).mean(axis=1))[:, None]
    deviation = np.where(deviation > 0, deviation, 1)
    centres = mean / deviation[:, None]
    shift, place = np.zeros((clients, x.shape[1])), np.zeros((classes, x.shape[1]))
    weight = count.astype(np.float64)
    for _ in range(STEPS):
        place = average(centres - shift[:, None], weight, axis=0)
        shift = average(centres - place[None], weight, axis=1)
    return Effects(deviation, shift)


def average(values: np.ndarray, weight: np.ndarray, axis: int) -> np.ndarray:
    """The mean of `values` `[clients, classes, features]` over one of the first two axes."""
    total = np.maximum(weight.sum(axis=axis), 1)
    return (values * weight[..., None]).sum(axis=axis) / total[:, None]
