"""In which order a client's labels come."""

import numpy as np


def sortedness(strata: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """How far each client's labels come in runs: 0 as by chance, 1 as sorted; float64 `[clients]`.

    The share of neighbours that are alike, between what a random order has, `sum p_k^2`, and the
    most there can be, all but one change for each further label (the number of runs of Wald and
    Wolfowitz 1940, "On a test whether two samples are from the same population", turned round).
    NaN for a client with a single label, or with one example of each.
    """
    sizes = np.diff(offsets)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    counts = np.zeros((len(sizes), int(strata.max()) + 1), np.int64)
    np.add.at(counts, (owner, strata), 1)
    inner = owner[1:] == owner[:-1]
    alike = np.bincount(owner[1:][inner & (strata[1:] == strata[:-1])], minlength=len(sizes))
    neighbours = np.maximum(sizes - 1, 1)
    most = sizes - (counts > 0).sum(axis=1)
    chance = (counts * (counts - 1)).sum(axis=1) / np.maximum(sizes, 1)
    room = most - chance
    unsure = (room <= 1e-9) | (neighbours < 2)
    return np.where(unsure, np.nan, (alike - chance) / np.where(unsure, 1, room))
