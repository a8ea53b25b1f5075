"""Readers: a user's own data as a `FederatedDataset`, one file for each kind of source."""

from fedwhy.data.readers.read import read

__all__ = ["read"]
