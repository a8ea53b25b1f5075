"""Partitions: how the examples of a central dataset are dealt to clients."""

from fedwhy.data.partitions.dirichlet import Dirichlet
from fedwhy.data.partitions.iid import IID
from fedwhy.data.partitions.labels import LabelsPerClient
from fedwhy.data.partitions.partition import Scheme, partition
from fedwhy.data.partitions.quantity import QuantitySkew
from fedwhy.data.partitions.shards import Shards

PARTITIONS: dict[str, type] = {
    "iid": IID,
    "dirichlet": Dirichlet,
    "shards": Shards,
    "labels": LabelsPerClient,
    "quantity": QuantitySkew,
}

__all__ = [
    "IID",
    "PARTITIONS",
    "Dirichlet",
    "LabelsPerClient",
    "QuantitySkew",
    "Scheme",
    "Shards",
    "partition",
]
