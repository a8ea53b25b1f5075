"""The partition by a real attribute.

Li, Diao, Chen and He 2022, "Federated learning on non-IID data silos: an experimental study"
(NIID-Bench), "real-world feature imbalance".
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from fedwhy.data.arrays import to_ids
from fedwhy.data.keyed import grouped_range
from fedwhy.errors import DataError


@dataclass(frozen=True, eq=False)
class ByAttribute:
    """Feature shift as found: examples are dealt by an attribute, such as site, camera or writer.

    `values` are strings or whole numbers `[examples]`, in the order of the dataset.

    - With as many clients as values, each holds one value: the first client the first in sorted
      order, and so on. `FederatedDataset.from_arrays` does the same and keeps the values as ids.
    - With fewer clients, values are dealt whole, at random, the same number to each client (give
      or take one). This is how NIID-Bench deals the writers of FEMNIST.
    - With more clients, each holds a single value. The clients of a value follow one another and
      share its examples at random and evenly (give or take one); how many they are is chosen so
      that the smallest client of all is as large as can be.

    Raises `DataError` where there is not one value for each example.
    """

    values: ArrayLike = field(repr=False)

    def __post_init__(self):
        object.__setattr__(self, "values", to_ids(self.values, "values"))

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        _, value, sizes = np.unique(self.values, return_inverse=True, return_counts=True)
        if len(value) != len(labels):
            raise DataError(
                f"ByAttribute: {len(value)} values for {len(labels)} examples; give one each"
            )
        if clients < len(sizes):
            return rng.permutation(np.arange(len(sizes)) % clients)[value]
        holders = count_holders(sizes, clients)
        shuffled = rng.permutation(len(value))
        rows = shuffled[np.argsort(value[shuffled], kind="stable")]
        group, place = grouped_range(sizes)
        owner = np.empty(len(value), np.int64)
        first = np.cumsum(holders) - holders
        owner[rows] = first[group] + place * holders[group] // sizes[group]
        return owner


def count_holders(sizes: np.ndarray, clients: int) -> np.ndarray:
    """How many of `clients` share each value, int64 `[values]`, at least one each.

    `sizes` int64 `[values]` are examples. The rule is that of D'Hondt for seats in a parliament:
    the next client goes to the value whose clients would then be largest.
    """
    value, before = grouped_range(sizes)
    claim = np.where(before == 0, np.inf, sizes[value] / (before + 1))
    return np.bincount(value[np.argsort(-claim, kind="stable")[:clients]], minlength=len(sizes))
