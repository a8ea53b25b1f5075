"""The partition by size.

Li, Diao, Chen and He 2022, "Federated learning on non-IID data silos: an experimental study"
(NIID-Bench), "quantity skew".
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.dirichlet import dirichlet
from fedwhy.errors import number


@dataclass(frozen=True)
class QuantitySkew:
    """Quantity skew: clients' sizes follow a Dirichlet distribution, labels are dealt at random.

    Every client holds one example; the others are divided in proportion to `q ~ Dir(alpha)`. The
    smaller `alpha`, the more unequal the clients.
    """

    alpha: float

    def __post_init__(self):
        number("alpha", self.alpha, above=0)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        share = np.cumsum(dirichlet(rng, np.full(clients, float(self.alpha))))
        ends = np.rint(share / share[-1] * (len(labels) - clients)).astype(np.int64)
        sizes = 1 + np.diff(ends, prepend=0)
        return rng.permutation(np.repeat(np.arange(clients), sizes))
