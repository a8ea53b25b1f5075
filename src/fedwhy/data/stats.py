"""`Stats`: who holds how many examples of which labels, and how uneven that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Stats:
    """Numbers on a federated dataset.

    `ids` and `sizes` int64 are `[clients]`; `label_counts` is int64 `[clients, classes]`, or None
    where examples have no class numbers. Properties about labels are then None, too.
    """

    name: str
    ids: np.ndarray
    sizes: np.ndarray
    label_counts: np.ndarray | None

    @property
    def examples(self) -> int:
        """The number of examples of all clients."""
        return int(self.sizes.sum())

    @property
    def clients(self) -> int:
        """The number of clients."""
        return len(self.sizes)

    @property
    def smallest(self) -> int:
        """The size of the smallest client."""
        return int(self.sizes.min())

    @property
    def median(self) -> float:
        """The median of the clients' sizes."""
        return float(np.median(self.sizes))

    @property
    def largest(self) -> int:
        """The size of the largest client."""
        return int(self.sizes.max())

    @property
    def size_gini(self) -> float:
        """The Gini coefficient of the clients' sizes: 0 if all are equal, near 1 if one has all."""
        rank = np.arange(1, self.clients + 1)
        mean_rank = (np.sort(self.sizes) @ rank) / self.examples
        return float((2 * mean_rank - self.clients - 1) / self.clients)

    @property
    def classes_per_client(self) -> float | None:
        """How many classes a client holds, in the mean over clients."""
        if self.label_counts is None:
            return None
        return float((self.label_counts > 0).sum(axis=1).mean())

    @property
    def label_skew(self) -> float | None:
        """Total variation distance of a client's labels to the population's, mean over clients.

        0 if every client has the population's label distribution; nearly 1 if each has one label
        of many.
        """
        if self.label_counts is None:
            return None
        population = self.label_counts.sum(axis=0) / self.examples
        shares = self.label_counts / self.sizes[:, None]
        return float(np.abs(shares - population).sum(axis=1).mean() / 2)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers, ready for JSON; `clients` lists the ids."""
        return {
            "name": self.name,
            "clients": self.ids.astype(str).tolist(),
            "sizes": self.sizes.tolist(),
            "label_counts": None if self.label_counts is None else self.label_counts.tolist(),
            "examples": self.examples,
            "smallest": self.smallest,
            "median": self.median,
            "largest": self.largest,
            "size_gini": self.size_gini,
            "classes_per_client": self.classes_per_client,
            "label_skew": self.label_skew,
        }

    def __str__(self) -> str:
        """A few lines to read."""
        lines = [
            f"{self.name}: {self.examples} examples, {self.clients} clients",
            f"examples per client  {self.smallest} to {self.largest}, median {self.median:g}, "
            f"Gini {self.size_gini:.2f}",
        ]
        if self.label_counts is not None:
            lines += [
                f"classes per client   {self.classes_per_client:.1f} of "
                f"{self.label_counts.shape[1]} in the mean",
                f"label skew           {self.label_skew:.2f} "
                "(total variation distance to the population, mean over clients; 0 is IID)",
            ]
        return "\n".join(lines)


def count_labels(labels: np.ndarray, owner: np.ndarray, clients: int, classes: int) -> np.ndarray:
    """Examples by client and class, int64 `[clients, classes]`; all labels must be in range."""
    cell = owner.astype(np.int64) * classes + labels.astype(np.int64)
    return np.bincount(cell, minlength=clients * classes).reshape(clients, classes)
