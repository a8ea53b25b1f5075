"""`shift`: changes the examples of clients; `changed`: tells which examples were."""

from typing import Protocol

import jax
import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.errors import DataError, ParameterError, whole_number


class Shift(Protocol):
    """A rule that changes the examples of clients."""

    def apply(self, data: FederatedDataset, seed: int) -> FederatedDataset:
        """The same clients with the same number of examples, in the same order; a copy."""
        ...


def shift(data: FederatedDataset, by: Shift, seed: int = 0) -> FederatedDataset:
    """The clients of `data` with their examples changed, such as by `GaussianNoise(0.1)`.

    What is drawn for a client follows from the seed and its position, whatever the other clients
    hold. `data` itself stays as it is. Raises `DataError` for examples that cannot be changed so.
    """
    if not isinstance(data, FederatedDataset):
        raise ParameterError(
            "data",
            f"expected a FederatedDataset, given {type(data).__name__}; use partition() first",
        )
    if isinstance(by, type) or not hasattr(by, "apply"):
        raise ParameterError("by", f"expected a shift such as GaussianNoise(0.1), given {by!r}")
    return by.apply(data, whole_number("seed", seed))


def changed(before: FederatedDataset, after: FederatedDataset) -> np.ndarray:
    """Whether x or y of an example differ, bool `[examples]`.

    The clients are `after.ids[np.unique(after.owner[changed(before, after)])]`. Raises `DataError`
    where the two do not hold the same clients with as many examples each.
    """
    alike = np.array_equal(before.ids, after.ids) and np.array_equal(before.offsets, after.offsets)
    if not alike:
        raise DataError(
            f"{before.name} and {after.name} do not hold the same clients; give a dataset, and "
            "what shift() made of it"
        )
    differ = np.zeros(len(after), bool)
    arrays = (jax.tree.leaves((data.x, data.y)) for data in (before, after))
    for old, new in zip(*arrays, strict=True):
        if old is not new:
            unequal = (old != new) & ((old == old) | (new == new))  # NaN is unlike itself.
            differ |= unequal.reshape(len(after), -1).any(axis=1)
    return differ
