"""Partitions: how the examples of a central dataset are dealt to clients."""

from fedwhy.data.partitions.attribute import ByAttribute
from fedwhy.data.partitions.clusters import Clusters
from fedwhy.data.partitions.dirichlet import Dirichlet
from fedwhy.data.partitions.dirichlet_by_class import DirichletByClass
from fedwhy.data.partitions.iid import IID
from fedwhy.data.partitions.labels import LabelsPerClient
from fedwhy.data.partitions.lognormal import LognormalQuantity
from fedwhy.data.partitions.pachinko import Pachinko
from fedwhy.data.partitions.partition import Scheme, partition
from fedwhy.data.partitions.quantity import QuantitySkew
from fedwhy.data.partitions.shards import Shards
from fedwhy.data.partitions.time import ByTime

# By name: those that need no array. `ByAttribute` and `Pachinko` do.
PARTITIONS: dict[str, type] = {
    "iid": IID,
    "dirichlet": Dirichlet,
    "dirichlet_by_class": DirichletByClass,
    "shards": Shards,
    "labels": LabelsPerClient,
    "clusters": Clusters,
    "quantity": QuantitySkew,
    "lognormal": LognormalQuantity,
    "time": ByTime,
}

__all__ = [
    "IID",
    "PARTITIONS",
    "ByAttribute",
    "ByTime",
    "Clusters",
    "Dirichlet",
    "DirichletByClass",
    "LabelsPerClient",
    "LognormalQuantity",
    "Pachinko",
    "QuantitySkew",
    "Scheme",
    "Shards",
    "partition",
]
