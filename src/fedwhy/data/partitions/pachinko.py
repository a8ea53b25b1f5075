"""The Pachinko partition.

Reddi et al. 2021, "Adaptive federated optimization", appendix F, after Li and McCallum 2006,
"Pachinko allocation: DAG-structured mixture models of topic correlations".
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from fedwhy.data.arrays import to_whole_numbers
from fedwhy.data.partitions.classes import deal, rows_by_class
from fedwhy.data.partitions.dirichlet import draw_labels
from fedwhy.errors import DataError, number


@dataclass(frozen=True, eq=False)
class Pachinko:
    """Label skew in two levels: a client draws coarse classes, and in each of them fine classes.

    Client c draws `q ~ Dir(alpha, ..., alpha)` over the coarse classes, and for each of them
    `r ~ Dir(beta, ..., beta)` over its fine classes. An example's coarse class is drawn by q, its
    label by that class's r, and the example from those of the label, without replacement. A label
    that has run out is dropped from its r, and a coarse class without labels from q. All clients
    hold the same number of examples, give or take one, and every example is dealt.

    `coarse` is the coarse class of each label, whole numbers `[classes]`. Reddi et al. deal the 100
    labels of CIFAR-100, of 20 coarse classes, to 500 clients with `alpha` 0.1 and `beta` 10: a
    client holds few coarse classes, and most labels of each. Both are parameters of a single class,
    not sums as `Dirichlet`'s is. As there, the last clients get what is left.

    Raises `DataError` for a label that has no coarse class.
    """

    alpha: float
    beta: float
    coarse: ArrayLike = field(repr=False)

    def __post_init__(self):
        number("alpha", self.alpha, above=0)
        number("beta", self.beta, above=0)
        object.__setattr__(self, "coarse", to_whole_numbers("coarse", self.coarse))

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        groups = rows_by_class(labels, self)
        families = self.families(np.array([labels[rows[0]] for rows in groups]))
        left = np.array([len(rows) for rows in groups])
        left_above = np.array([left[family].sum() for family in families])
        root = np.full(len(families), float(self.alpha))
        nodes = [np.full(len(family), float(self.beta)) for family in families]
        counts = np.zeros((clients, len(groups)), np.int64)
        for client in range(clients):
            size = len(labels) // clients + (client < len(labels) % clients)
            above = draw_labels(rng, root, left_above, size)
            for node in np.flatnonzero(above):
                family = families[node]
                counts[client, family] = draw_labels(rng, nodes[node], left[family], above[node])
            left -= counts[client]
            left_above -= above
        return deal(groups, counts, rng)

    def families(self, present: np.ndarray) -> list[np.ndarray]:
        """The places in `present` int64 `[labels]` of the labels of each coarse class."""
        coarse = np.asarray(self.coarse)
        outside = (present < 0) | (present >= len(coarse))
        if outside.any():
            raise DataError(
                f"{self} knows the coarse classes of labels 0..{len(coarse) - 1}, but there is a "
                f"label {present[outside][0]}; give `coarse` one for each class"
            )
        _, family = np.unique(coarse[present], return_inverse=True)
        return [np.flatnonzero(family == node) for node in range(family.max() + 1)]
