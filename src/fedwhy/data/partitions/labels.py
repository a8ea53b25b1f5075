"""The partition by number of labels.

Li, Diao, Chen and He 2022, "Federated learning on non-IID data silos: an experimental study"
(NIID-Bench), "quantity-based label imbalance" (#C = k).
"""

from dataclasses import dataclass

import numpy as np

from fedwhy.data.partitions.classes import deal, rows_by_class
from fedwhy.errors import ParameterError, whole_number


@dataclass(frozen=True)
class LabelsPerClient:
    """Label skew: every client holds exactly as many labels as `labels` says.

    The examples of a label are divided at random and evenly (give or take one) among the clients
    that hold it. Every label has a holder, so no example is lost.
    """

    labels: int

    def __post_init__(self):
        whole_number("labels", self.labels, at_least=1)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        groups = rows_by_class(labels, self)
        if not self.labels <= len(groups) <= clients * self.labels:
            raise ParameterError(
                "labels",
                f"{clients} clients with {self.labels} labels each cannot hold exactly the "
                f"{len(groups)} labels of the data; use {-(-len(groups) // clients)} to "
                f"{len(groups)} labels a client",
            )
        holds = choose_labels(self.labels, clients, len(groups), rng)
        counts = np.zeros((clients, len(groups)), np.int64)
        for k, rows in enumerate(groups):
            holders = rng.permutation(np.flatnonzero(holds[:, k]))
            if len(holders) > len(rows):
                raise ParameterError(
                    "clients",
                    f"{len(holders)} clients would share the {len(rows)} examples of label "
                    f"{labels[rows[0]]}; use fewer clients or fewer labels a client",
                )
            counts[holders, k] = (len(rows) + np.arange(len(holders))) // len(holders)
        return deal(groups, counts, rng)


def choose_labels(each: int, clients: int, classes: int, rng: np.random.Generator) -> np.ndarray:
    """Which labels a client holds, bool `[clients, classes]`: `each` a row, one or more a column.

    Labels are dealt in turns until each has a holder; a client's other labels are random. With at
    least as many clients as labels this is the rule of NIID-Bench's code: one dealt, others random.
    """
    turns = -(-classes // clients)
    dealt = (np.arange(clients)[:, None] * turns + np.arange(turns)) % classes
    rank = rng.random((clients, classes))
    np.put_along_axis(rank, rng.permutation(classes)[dealt], -1.0, axis=1)
    holds = np.zeros((clients, classes), bool)
    np.put_along_axis(holds, np.argsort(rank, axis=1)[:, :each], True, axis=1)
    return holds
