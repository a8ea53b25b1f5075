"""`partition`: turns a central dataset into clients by any scheme."""

from typing import Protocol

import numpy as np

from fedwhy.data.arrays import take
from fedwhy.data.dataset import Dataset
from fedwhy.data.federated_dataset import FederatedDataset, to_offsets
from fedwhy.errors import DataError, ParameterError, whole_number


class Scheme(Protocol):
    """A rule that deals examples to clients."""

    def assign(self, labels: np.ndarray, clients: int, rng: np.random.Generator) -> np.ndarray:
        """The client of each example, whole numbers `[examples]` in `0..clients-1`.

        `labels` is the dataset's y `[examples, ...]`; there are no more clients than examples.
        """
        ...


def partition(dataset: Dataset, scheme: Scheme, clients: int, seed: int = 0) -> FederatedDataset:
    """Deals every example of `dataset` to exactly one of `clients` clients.

    Clients are called `client-000`, `client-001`, ... Who gets what, and the (random) order of a
    client's examples, follow from the seed. Raises `ParameterError` where a client would be left
    without examples, and `DataError` for labels that the scheme cannot use.
    """
    if not isinstance(dataset, Dataset):
        raise ParameterError(
            "dataset",
            f"expected a Dataset, given {type(dataset).__name__}; use pooled() on one with clients",
        )
    check_scheme("scheme", scheme)
    whole_number("clients", clients, at_least=1)
    if clients > len(dataset):
        raise ParameterError(
            "clients",
            f"{clients} clients cannot share {len(dataset)} examples; use at most {len(dataset)}",
        )
    rng = np.random.default_rng(whole_number("seed", seed))
    owner = np.asarray(scheme.assign(dataset.y, clients, rng))
    sizes = count_by_client(owner, len(dataset), clients, scheme)
    ids = client_ids(clients)
    if not sizes.all():
        raise ParameterError(
            "clients",
            f"{ids[np.argmin(sizes)]} of {clients} would hold no examples under {scheme}; "
            "use fewer clients or another scheme",
        )
    shuffled = rng.permutation(len(dataset))
    rows = shuffled[np.argsort(owner[shuffled], kind="stable")]
    x, y = take((dataset.x, dataset.y), rows)
    return FederatedDataset(
        x, y, to_offsets(sizes), ids, dataset.name, dataset.classes, dataset.task, origin=rows
    )


def check_scheme(parameter: str, scheme: Scheme) -> None:
    """Raises `ParameterError` for what is no scheme."""
    if isinstance(scheme, type) or not hasattr(scheme, "assign"):
        raise ParameterError(parameter, f"expected a scheme such as IID(), given {scheme!r}")


def count_by_client(owner: np.ndarray, examples: int, clients: int, scheme: Scheme) -> np.ndarray:
    """Sizes int64 `[clients]`; raises `DataError` if a scheme of the user's breaks its promise."""
    fits = owner.shape == (examples,) and owner.dtype.kind in "iu"
    if not fits or owner.min() < 0 or owner.max() >= clients:
        raise DataError(
            f"{scheme}: assign must return a client 0..{clients - 1} for each of {examples} "
            f"examples, returned {owner.dtype}{list(owner.shape)}"
        )
    return np.bincount(owner, minlength=clients)


def client_ids(clients: int) -> np.ndarray:
    """'client-000', 'client-001', ... with at least three digits, strings `[clients]`."""
    digits = max(3, len(str(clients - 1)))
    return np.strings.add("client-", np.strings.zfill(np.arange(clients).astype(str), digits))
