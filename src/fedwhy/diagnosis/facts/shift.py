"""How unlike inputs look, beyond what their labels explain."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Likeness(NamedTuple):
    """What examples of each stratum look like: sums over clients, made means.

    `count` int64 `[strata]`; `mean` and `variance` float32 `[strata, features]`, of standardised
    features.
    """

    count: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


class Shift(NamedTuple):
    """How far groups of examples are from what their labels lead to expect, float64 `[groups]`.

    - `mean`: the distance of the mean input from the expected one, in standard deviations, root
      mean square over features, less what chance alone brings about
    - `spread`: log2 of the variance relative to the expected one; 0 for a group of a few examples
    """

    mean: np.ndarray
    spread: np.ndarray


# Features go together, so that their mean square may be so many times what is expected.
SIGMAS = 2.0


def uncertainty(shares: np.ndarray, like: Likeness) -> np.ndarray:
    """The variance of expected means, the mean over features, float64 `[groups]`.

    With n_k examples of stratum k, of N in K strata: `sum_k p_k^2 V / n_k`, where the variance
    within strata `V = sum_k n_k V_k / (N - K)`. Infinite where every example is alone in its own.
    """
    free = int(like.count.sum() - (like.count > 0).sum())
    within = float((like.count[:, None] * like.variance).sum(axis=0).mean())
    variance = within / free if free > 0 else np.inf
    return (np.square(shares) / np.maximum(like.count, 1)).sum(axis=1) * variance


def likeness(x: np.ndarray, strata: np.ndarray, count: int) -> Likeness:
    """The likeness of `count` strata, of inputs `x` float32 `[examples, features]`."""
    of_stratum = np.eye(count, dtype=np.float32)[strata]
    counts = of_stratum.sum(axis=0).astype(np.int64)
    n = np.maximum(counts, 1)[:, None].astype(np.float32)
    mean = of_stratum.T @ x / n
    return Likeness(counts, mean, np.maximum(of_stratum.T @ np.square(x) / n - mean**2, 0))


def shift_of(
    x: np.ndarray,
    strata: np.ndarray,
    offsets: np.ndarray,
    like: Likeness,
    of_others: bool = False,
) -> Shift:
    """The shift of groups, of which number g has rows `offsets[g]:offsets[g + 1]` of `x`.

    With p a group's shares of the strata, M and V their means and variances: the expected mean is
    `sum_k p_k M_k`, by chance it is missed by a variance of `sum_k p_k V_k / n`. So a group that
    holds other labels is not taken for one that looks different. Groups that are no part of the
    examples of `like` (`of_others`) also miss it by what its means of few examples miss, see
    `uncertainty`.
    """
    sizes = np.diff(offsets)
    shares = np.zeros((len(sizes), len(like.count)), np.float32)
    np.add.at(shares, (np.repeat(np.arange(len(sizes)), sizes), strata), 1)
    shares /= sizes[:, None]
    mean = np.add.reduceat(x, offsets[:-1], axis=0) / sizes[:, None]
    expected, within = shares @ like.mean, shares @ like.variance
    apart = np.square(mean - expected).mean(axis=1)
    chance = within.mean(axis=1) / sizes
    if of_others:
        chance = chance + SIGMAS * uncertainty(shares, like)
    between = (shares @ np.square(like.mean) - expected**2).mean(axis=1)
    usual = within.mean(axis=1) + between
    seen = np.add.reduceat(np.square(x).mean(axis=1), offsets[:-1]) / sizes
    seen = (seen - np.square(mean).mean(axis=1)) * sizes / np.maximum(sizes - 1, 1)
    few = (sizes < 5) | (usual <= 0)
    ratio = np.where(few, 1, np.maximum(seen, 1e-6) / np.where(few, 1, usual))
    return Shift(np.sqrt(np.maximum(apart - chance, 0)), np.log2(ratio))
