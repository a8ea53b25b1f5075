"""Dealing examples anew, so that one kind of skew goes and the others stay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedwhy.data.arranging import at_rows
from fedwhy.diagnosis.edits.data import on_data
from fedwhy.diagnosis.facts.labels import strata_of
from fedwhy.diagnosis.finding import Edit
from fedwhy.diagnosis.setup import Setup

FITS = 100  # Rounds of proportional fitting.


def same_labels() -> Edit:
    """Every client has all labels in the proportions of the population, and its size.

    It keeps as many of its own examples as that leaves it.
    """

    def target(counts: np.ndarray) -> np.ndarray:
        return np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()

    return Edit("the same labels at every client", lambda setup: redealt(setup, target))


def same_sizes() -> Edit:
    """Every client has as many examples; which labels it leans to stays as far as it can.

    Counts are fitted to equal sizes (iterative proportional fitting of Deming and Stephan 1940,
    "On a least squares adjustment of a sampled frequency table"), which keeps all their odds
    ratios.
    """

    def target(counts: np.ndarray) -> np.ndarray:
        wanted = counts.astype(np.float64)
        sizes, totals = equal(counts.sum(), len(counts)), counts.sum(axis=0)
        for _ in range(FITS):
            wanted *= (totals / np.maximum(wanted.sum(axis=0), 1e-9))[None]
            wanted *= (sizes / np.maximum(wanted.sum(axis=1), 1e-9))[:, None]
        return wanted * np.minimum(1, totals / np.maximum(wanted.sum(axis=0), 1e-9))

    return Edit(
        "as many examples at every client",
        lambda setup: redealt(setup, target, equal_sizes=True),
    )


def redealt(
    setup: Setup, target: Callable[[np.ndarray], np.ndarray], equal_sizes: bool = False
) -> Setup:
    """The examples dealt anew, so that counts by client and label come near `target`.

    `target(counts) -> float [clients, strata]` has at most the examples of each label, and
    at most those of each client.
    """
    clients, rng = setup.clients, np.random.default_rng(setup.seed)
    strata, owner = strata_of(clients.y), clients.owner
    counts = np.zeros((clients.clients, int(strata.max()) + 1), np.int64)
    np.add.at(counts, (owner, strata), 1)
    sizes = equal(len(owner), clients.clients) if equal_sizes else clients.sizes
    wanted = whole(target(counts), sizes, counts.sum(axis=0), rng)
    return with_owners(setup, moved(owner, strata, counts, wanted, rng))


def whole(
    target: np.ndarray, sizes: np.ndarray, totals: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """`target` `[clients, strata]` in whole numbers with these sums, int64."""
    floor = np.floor(target + 1e-9).astype(np.int64)
    clients = np.repeat(np.arange(len(sizes)), np.maximum(sizes - floor.sum(axis=1), 0))
    strata = np.repeat(np.arange(len(totals)), np.maximum(totals - floor.sum(axis=0), 0))
    np.add.at(floor, (rng.permutation(clients), strata), 1)
    return floor


def moved(
    owner: np.ndarray,
    strata: np.ndarray,
    counts: np.ndarray,
    wanted: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """New owners `[examples]`: who has too many of a label gives some to those who have too few."""
    order = rng.permutation(len(owner))
    order = order[np.lexsort((strata[order], owner[order]))]
    cell = owner[order] * np.int64(counts.shape[1]) + strata[order]
    first = np.cumsum(counts.ravel()) - counts.ravel()
    given = order[np.arange(len(order)) - first[cell] >= wanted.ravel()[cell]]
    given = given[np.argsort(strata[given], kind="stable")]
    missing = np.maximum(wanted - counts, 0)
    new = owner.copy()
    for stratum in range(counts.shape[1]):
        rows = rng.permutation(given[strata[given] == stratum])
        new[rows] = np.repeat(np.arange(len(counts)), missing[:, stratum])
    return new


def equal(examples: int, clients: int) -> np.ndarray:
    """Sizes that differ by one at most, int64 `[clients]`."""
    return examples // clients + (np.arange(clients) < examples % clients)


def with_owners(setup: Setup, owner: np.ndarray) -> Setup:
    """`setup` with example number i at the client in position `owner[i]`."""
    clients = setup.clients
    sizes = np.bincount(owner, minlength=clients.clients)
    held = sizes > 0
    new = at_rows(clients, np.argsort(owner, kind="stable"), sizes[held], clients.ids[held])
    return on_data(setup, lambda data: new, ("clients",))
