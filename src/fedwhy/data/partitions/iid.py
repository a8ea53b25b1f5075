"""The IID partition.

McMahan et al. 2017, "Communication-efficient learning of deep networks from decentralized data",
section 3.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class IID:
    """Every client holds the same number of examples (give or take one), drawn at random."""

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        return rng.permutation(np.arange(len(labels)) % clients)
