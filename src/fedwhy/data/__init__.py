"""Data: examples by client, how they are dealt to clients, and how they become batches."""

from fedwhy.data.batching import Batching, batch_rows
from fedwhy.data.checks import check_labels, check_values
from fedwhy.data.dataset import Dataset
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.partitions import (
    IID,
    PARTITIONS,
    Dirichlet,
    LabelsPerClient,
    QuantitySkew,
    Scheme,
    Shards,
    partition,
)
from fedwhy.data.preparation import Preparation
from fedwhy.data.sources import SOURCES, Source, load
from fedwhy.data.stats import Stats

__all__ = [
    "IID",
    "PARTITIONS",
    "SOURCES",
    "Batching",
    "Dataset",
    "Dirichlet",
    "FederatedDataset",
    "LabelsPerClient",
    "Preparation",
    "QuantitySkew",
    "Scheme",
    "Shards",
    "Source",
    "Stats",
    "batch_rows",
    "check_labels",
    "check_values",
    "load",
    "partition",
]
