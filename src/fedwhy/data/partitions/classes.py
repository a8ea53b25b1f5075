"""What schemes that deal by label share: examples grouped by class, and dealt by counts."""

import numpy as np

from fedwhy.errors import DataError


def rows_by_class(labels: np.ndarray, scheme: object) -> list[np.ndarray]:
    """Rows of each class that occurs, in the order of the class numbers, int64 each.

    Raises `DataError` where `labels` is not one whole number an example.
    """
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{scheme} deals examples by label and needs one whole number an example, given "
            f"{labels.dtype}{list(labels.shape)}; use IID or QuantitySkew, or give class numbers"
        )
    _, sizes = np.unique(labels, return_counts=True)
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])


def deal(groups: list[np.ndarray], counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Owners int64 `[examples]` that give client c `counts[c, k]` random rows of `groups[k]`."""
    owner = np.empty(sum(map(len, groups)), np.int64)
    for rows, count in zip(groups, counts.T, strict=True):
        owner[rng.permutation(rows)] = np.repeat(np.arange(len(count)), count)
    return owner
