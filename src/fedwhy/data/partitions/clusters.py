"""The partition by clusters of clients.

Ghosh, Chung, Yin and Ramchandran 2020, "An efficient framework for clustered federated learning"
(IFCA), and Sattler, Müller and Samek 2020, "Clustered federated learning".
"""

from dataclasses import dataclass, field

import numpy as np

from fedwhy.data.partitions.classes import rows_by_class
from fedwhy.data.partitions.iid import IID
from fedwhy.data.partitions.partition import Scheme, check_scheme, count_by_client
from fedwhy.errors import ParameterError, whole_number


@dataclass(frozen=True)
class Clusters:
    """Label skew by groups: clients form clusters, and those of a cluster share a set of labels.

    Labels are dealt at random to the clusters, the same number to each (give or take one), and no
    label to two. The client at position c belongs to cluster `c % clusters`. The examples of a
    cluster are dealt to its clients by the scheme `within`: IID, they all have one distribution,
    as clustered federated learning supposes.

    Raises `ParameterError` for more clusters than clients or labels, and where a cluster has more
    clients than examples.
    """

    clusters: int
    within: Scheme = field(default_factory=IID)

    def __post_init__(self):
        whole_number("clusters", self.clusters, at_least=1)
        check_scheme("within", self.within)

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, int64 `[examples]`."""
        groups = rows_by_class(labels, self)
        most = min(clients, len(groups))
        if self.clusters > most:
            raise ParameterError(
                "clusters",
                f"{clients} clients and {len(groups)} labels make no {self.clusters} clusters; "
                f"use at most {most}",
            )
        cluster_of = rng.permutation(np.arange(len(groups)) % self.clusters)
        owner = np.empty(len(labels), np.int64)
        for cluster in range(self.clusters):
            members = np.arange(cluster, clients, self.clusters)
            chosen = np.flatnonzero(cluster_of == cluster)
            rows = np.sort(np.concatenate([groups[k] for k in chosen]))
            if len(members) > len(rows):
                raise ParameterError(
                    "clients",
                    f"{len(members)} clients of one cluster cannot share the {len(rows)} examples "
                    "of its labels; use fewer clients or fewer clusters",
                )
            member = np.asarray(self.within.assign(labels[rows], len(members), rng))
            count_by_client(member, len(rows), len(members), self.within)
            owner[rows] = members[member]
        return owner
