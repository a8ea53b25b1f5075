"""The partition by lognormal size.

Acar, Zhao, Matas, Mattina, Whatmough and Saligrama 2021, "Federated learning based on dynamic
regularization" (FedDyn), "unbalanced data".
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.quantity import deal_shares
from fedwhy.errors import number


@dataclass(frozen=True)
class LognormalQuantity:
    """Quantity skew: clients' sizes follow a lognormal distribution, labels are dealt at random.

    Every client holds one example; the others are divided in proportion to `exp(sigma * z)`, z
    standard normal. With `sigma` 0 all clients are equal; with 1 the largest of a hundred has some
    twelve times the median.
    """

    sigma: float

    def __post_init__(self):
        number("sigma", self.sigma, at_least=0)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        logarithms = self.sigma * rng.standard_normal(clients)
        return deal_shares(np.exp(logarithms - logarithms.max()), len(labels), rng)
