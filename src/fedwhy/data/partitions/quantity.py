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
        shares = dirichlet(rng, np.full(clients, float(self.alpha)))
        return deal_shares(shares, len(labels), rng)


def deal_shares(shares: np.ndarray, examples: int, rng: np.random.Generator) -> np.ndarray:
    """Owners int64 `[examples]`: one random example a client, the others by `shares` `[clients]`.

    Cumulative shares are rounded, so sizes sum to `examples`.
    """
    clients, ends = len(shares), np.cumsum(shares)
    ends = np.rint(ends / ends[-1] * (examples - clients)).astype(np.int64)
    sizes = 1 + np.diff(ends, prepend=0)
    return rng.permutation(np.repeat(np.arange(clients), sizes))
