"""Data: examples by client, how they are dealt to clients, and how they become batches."""

from fedwhy.data.batching import Batching, batch_rows
from fedwhy.data.checks import check_labels, check_values
from fedwhy.data.client_statistics import local_description, local_histograms
from fedwhy.data.dataset import Dataset
from fedwhy.data.description import Description
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.partitions import (
    IID,
    PARTITIONS,
    ByAttribute,
    ByTime,
    Clusters,
    Dirichlet,
    DirichletByClass,
    LabelsPerClient,
    LognormalQuantity,
    Pachinko,
    QuantitySkew,
    Scheme,
    Shards,
    partition,
)
from fedwhy.data.preparation import Preparation
from fedwhy.data.readers import read
from fedwhy.data.shifts import (
    POISONS,
    SHIFTS,
    Backdoor,
    GaussianNoise,
    LabelFlip,
    LabelNoise,
    Rotation,
    Shift,
    changed,
    shift,
)
from fedwhy.data.sources import SOURCES, Source, load, variant
from fedwhy.data.stats import Stats

__all__ = [
    "IID",
    "PARTITIONS",
    "POISONS",
    "SHIFTS",
    "SOURCES",
    "Backdoor",
    "Batching",
    "ByAttribute",
    "ByTime",
    "Clusters",
    "Dataset",
    "Description",
    "Dirichlet",
    "DirichletByClass",
    "FederatedDataset",
    "GaussianNoise",
    "LabelFlip",
    "LabelNoise",
    "LabelsPerClient",
    "LognormalQuantity",
    "Pachinko",
    "Preparation",
    "QuantitySkew",
    "Rotation",
    "Scheme",
    "Shards",
    "Shift",
    "Source",
    "Stats",
    "batch_rows",
    "changed",
    "check_labels",
    "check_values",
    "load",
    "local_description",
    "local_histograms",
    "partition",
    "read",
    "shift",
    "variant",
]
