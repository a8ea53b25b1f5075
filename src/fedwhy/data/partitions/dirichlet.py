"""The Dirichlet partition.

Hsu, Qi and Brown 2019, "Measuring the effects of non-identical data distribution for federated
visual classification", section 3.
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.classes import deal, rows_by_class
from fedwhy.errors import number


@dataclass(frozen=True)
class Dirichlet:
    """Label skew: every client's labels follow its own draw from a Dirichlet distribution.

    Client c draws `q ~ Dir(alpha * p)`, where p is the label distribution of all examples, and then
    its examples by q, without replacement. A class that has run out is dropped from q. All clients
    hold the same number of examples, give or take one, and every example is dealt. The smaller
    `alpha`, the fewer labels a client holds, down to one.

    Since p sums to 1, `alpha` is the sum of the distribution's parameters over the classes, as in
    the paper. NIID-Bench and Flower (see `DirichletByClass`) give the parameter of a single class,
    so `alpha` is theirs times the number of classes: with 10 classes, their 0.1 is as uneven as an
    `alpha` of 1. It takes an `alpha` of 1000 and more to come near `IID`.

    Clients draw one after another, as in the paper, so the last get what is left, whatever their
    q: with few clients, expect the last one's labels to be uneven at any `alpha`.
    """

    alpha: float = 0.1

    def __post_init__(self):
        number("alpha", self.alpha, above=0)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        groups = rows_by_class(labels, self)
        left = np.array([len(rows) for rows in groups])
        prior = self.alpha * left / len(labels)
        counts = np.zeros((clients, len(groups)), np.int64)
        for client in range(clients):
            size = len(labels) // clients + (client < len(labels) % clients)
            counts[client] = draw_labels(rng, prior, left, size)
            left -= counts[client]
        return deal(groups, counts, rng)


def draw_labels(
    rng: np.random.Generator, prior: np.ndarray, left: np.ndarray, size: int
) -> np.ndarray:
    """How many examples of each class one client gets, int64 `[classes]`, `size` in all.

    Draws past the end of a class are drawn again from the other classes, which is the same as
    drawing one by one and dropping a class from q when it runs out.
    """
    q = dirichlet(rng, prior)
    taken = np.zeros(len(left), np.int64)
    while missing := size - taken.sum():
        q = np.where(taken < left, q, 0.0)
        if not q.any():
            # q lay, to machine precision, on classes that have run out. What a Dirichlet draw puts
            # on the other classes is, rescaled, a Dirichlet draw of them.
            q[taken < left] = dirichlet(rng, prior[taken < left])
        taken = np.minimum(taken + rng.multinomial(missing, q / q.sum()), left)
    return taken


def dirichlet(rng: np.random.Generator, prior: np.ndarray) -> np.ndarray:
    """A draw of proportions float64 `[n]`; `prior` is kept within what NumPy can draw by."""
    return rng.dirichlet(np.maximum(prior / max(1.0, prior.max() / 1e100), 1e-100))
