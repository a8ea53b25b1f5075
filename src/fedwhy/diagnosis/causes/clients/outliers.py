"""What the causes of this group share: who stands out, and in whom all evidence agrees."""

from collections.abc import Callable

import numpy as np

from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates

# The modified z-score from which a value is an outlier (Iglewicz and Hoaglin 1993).
OUTLYING = 3.5
# Named clients are a minority: of a majority nobody can say that it is wrong.
MOST = 0.5


def deviation(values: np.ndarray) -> np.ndarray:
    """The modified z-scores `0.6745 (x - median) / MAD` of `values` float `[n]`.

    Iglewicz and Hoaglin, "How to Detect and Handle Outliers", ASQC 1993, chapter 3. MAD is the
    median absolute deviation; it is taken as at least a millionth of the largest distance, so that
    what differs where most are equal stands out.
    """
    distance = values - np.median(values)
    spread = np.median(np.abs(distance))
    return 0.6745 * distance / max(spread, 1e-6 * np.abs(distance).max(), 1e-30)


def with_others(updates: Updates, chosen: np.ndarray | None = None) -> np.ndarray:
    """The cosine of each client's update with the sum of the others', `[clients]`; 0 if zero.

    By inner products alone: for u and the sum S of the others, `u S / (|u| |S|)`. Every update
    counts with the same norm, so that no large one speaks for the others. Of the others, only the
    `chosen` count, bool `[clients]`.
    """
    there = updates.norm > 0 if chosen is None else (updates.norm > 0) & chosen
    products = np.where(np.outer(there, there), updates.cosine, 0.0)
    towards = updates.cosine @ there - np.where(there, np.diagonal(updates.cosine), 0.0)
    # |S|^2 without the client itself, where it is among them.
    square = products.sum() - 2 * products.sum(axis=1) + np.diagonal(products)
    length = np.sqrt(np.maximum(square, 0))
    return np.where(length > 1e-6, towards / np.maximum(length, 1e-6), 0.0)


def consistently(
    evidence: Evidence, suspicious: Callable[[Updates], np.ndarray], most: float = MOST
) -> list[tuple[int, str]]:
    """Position and name of the clients whom all of the evidence's updates find `suspicious`.

    `suspicious(updates)` is bool `[clients]`. Updates at a model that has diverged say nothing;
    of updates that were brought no loss is known, and `before` is NaN.
    Empty where that would be half of the clients or more, or `most` of them.
    """
    found: set[tuple[int, str]] | None = None
    for updates in evidence.updates or ():
        told = np.isnan(updates.before).all() or np.isfinite(updates.before).mean() >= MOST
        if not told or np.isfinite(updates.norm).mean() < MOST or not updates.norm.any():
            continue
        chosen = np.flatnonzero(suspicious(updates))
        these = {(int(updates.position[at]), updates.ids[at]) for at in chosen}
        if len(these) >= most * len(updates.ids):
            return []
        found = these if found is None else found & these
    return sorted(found or ())


def rows_of(updates: Updates, named: list[tuple[int, str]]) -> np.ndarray:
    """The rows of these clients, int `[n]`."""
    return np.flatnonzero(np.isin(updates.position, [position for position, _ in named]))
