"""The Dirichlet partition class by class.

Yurochkin et al. 2019, "Bayesian nonparametric federated learning of neural networks"; as in Li,
Diao, Chen and He 2022, "Federated learning on non-IID data silos: an experimental study"
(NIID-Bench), "distribution-based label imbalance".
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.classes import deal, rows_by_class
from fedwhy.data.partitions.dirichlet import dirichlet
from fedwhy.errors import ParameterError, number, whole_number

# Draws before giving up, and the most shares that they draw together: some seconds of work.
MOST_DRAWS = 1000
MOST_SHARES = 10**8


@dataclass(frozen=True)
class DirichletByClass:
    """Label and quantity skew: every class is divided among clients by its own Dirichlet draw.

    The examples of a class are divided by `p ~ Dir(alpha, ..., alpha)` over the clients, one class
    after another. With `balance`, a client that already holds its even share of all examples, or
    more, gets none of the classes that follow, as in the code of NIID-Bench (Flower calls it
    `self_balancing`). All classes are drawn anew until every client holds at least
    `smallest` examples. The smaller `alpha`, the fewer labels a client holds.

    `alpha` is the parameter of a single share, as NIID-Bench and Flower give it. `Dirichlet` gives
    the sum over the classes: without `balance`, with many clients and C equally frequent classes,
    a client's labels are as uneven as under `Dirichlet(C * alpha)`. Sizes are equal there, and
    uneven here.

    Raises `ParameterError` where no draw gives every client `smallest` examples. There are at most
    a thousand draws, and at least ten.
    """

    alpha: float
    smallest: int = 10
    balance: bool = True

    def __post_init__(self):
        number("alpha", self.alpha, above=0)
        whole_number("smallest", self.smallest, at_least=1)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        groups = rows_by_class(labels, self)
        if clients * self.smallest > len(labels):
            raise ParameterError(
                "smallest",
                f"{clients} clients of {self.smallest} examples or more need "
                f"{clients * self.smallest}, but there are {len(labels)}; use fewer clients, or a "
                f"smallest of at most {len(labels) // clients}",
            )
        sizes = np.array([len(rows) for rows in groups])
        most = max(10, min(MOST_DRAWS, MOST_SHARES // (clients * len(groups))))
        best = 0
        for _ in range(most):
            counts = self.draw(sizes, clients, rng)
            best = max(best, held := int(counts.sum(axis=1).min()))
            if held >= self.smallest:
                return deal(groups, counts, rng)
        raise ParameterError(
            "smallest",
            f"none of {most} draws gave each of {clients} clients {self.smallest} examples (the "
            f"best gave each {best}); use a larger alpha, fewer clients, or a smaller smallest",
        )

    def draw(self, sizes: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """How many examples of each class the clients get, int64 `[clients, classes]`."""
        counts = np.zeros((clients, len(sizes)), np.int64)
        held = np.zeros(clients, np.int64)
        for k, size in enumerate(sizes):
            takers = np.arange(clients)
            if self.balance:
                takers = np.flatnonzero(held * clients < sizes.sum())
            # Some shares of a Dirichlet draw, rescaled, are a Dirichlet draw of their own.
            ends = np.cumsum(dirichlet(rng, np.full(len(takers), float(self.alpha))))
            ends = np.rint(ends / ends[-1] * size).astype(np.int64)
            counts[takers, k] = np.diff(ends, prepend=0)
            held += counts[:, k]
        return counts
