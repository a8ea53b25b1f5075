"""Image datasets that come with clients: TFF's EMNIST and CIFAR-100, and LEAF's FEMNIST."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.labels import to_labels
from fedwhy.data.readers.leaf import leaf_clients
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tff import hdf5_clients
from fedwhy.data.sources.files import DATA_FOLDER, File, data_folders, member
from fedwhy.data.sources.images import fractions
from fedwhy.data.sources.source import Source
from fedwhy.errors import DataError

AGAIN = "fetch or make the file again"

TFF = "https://storage.googleapis.com/tff-datasets-public"
EMNIST = File(
    "emnist/fed_emnist.tar.bz2",
    "sha256:fe1ed5a502cea3a952eb105920bff8cffb32836b5173cb18a57a32c3606f3ea0",
    (f"{TFF}/fed_emnist.tar.bz2",),
)
CIFAR100 = File(
    "cifar100/fed_cifar100.tar.bz2",
    "sha256:e8575e22c038ecef1ce6c7d492d7abee7da13b1e1ba9b70a7fc18531ba7590de",
    (f"{TFF}/fed_cifar100.tar.bz2",),
)


def read_emnist_writers() -> Source[FederatedDataset]:
    """TFF's federated EMNIST: 3,400 writers; as there, paper is 1 and ink 0."""

    def examples(path: Path) -> Iterator[Any]:
        for client, columns in hdf5_clients(path):
            x = grey(path, client, columns, "pixels", (28, 28))
            yield client, (x, labels(path, client, columns, "label"))

    paths = (member(EMNIST, f"fed_emnist_{part}.h5") for part in ("train", "test"))
    return Source(*(from_stream(examples(path), name="emnist", classes=62) for path in paths))


def read_cifar100_clients() -> Source[FederatedDataset]:
    """TFF's CIFAR-100: 500 training and 100 test clients, dealt by Pachinko allocation."""

    def examples(path: Path) -> Iterator[Any]:
        for client, columns in hdf5_clients(path):
            images = column(path, client, columns, "image", (32, 32, 3))
            if images.dtype != np.uint8:
                raise wrong(path, client, "image", f"holds {images.dtype} values, expected uint8")
            yield client, (fractions(images), labels(path, client, columns, "label"))

    paths = (member(CIFAR100, f"fed_cifar100_{part}.h5") for part in ("train", "test"))
    return Source(*(from_stream(examples(path), name="cifar100", classes=100) for path in paths))


def read_femnist() -> Source[FederatedDataset]:
    """LEAF's FEMNIST, from the files that LEAF's `preprocess.sh` writes."""
    return Source(*(femnist(part) for part in ("train", "test")))


def femnist(part: str) -> FederatedDataset:
    """The writers of LEAF's train or test files; as there, paper is 1 and ink 0."""

    def examples(paths: list[Path]) -> Iterator[Any]:
        for client, columns in leaf_clients(paths):
            x = grey(paths[0].parent, client, columns, "x", (784,))
            yield client, (x, labels(paths[0].parent, client, columns, "y"))

    for folder in data_folders():
        if paths := sorted((folder / "femnist" / part).glob("*.json")):
            return from_stream(examples(paths), name="femnist", classes=62)
    raise DataError(
        f"femnist: no femnist/{part}/*.json in {' or '.join(map(str, data_folders()))}; run "
        "data/femnist/preprocess.sh of https://github.com/TalwalkarLab/leaf, and put its folders "
        f"train and test there, or set {DATA_FOLDER} to where they lie"
    )


def column(
    path: Path, client: str, columns: dict[str, np.ndarray], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """A field of a client, `[n, *shape]`; raises `DataError` where it is not there, or not such."""
    if name not in columns:
        raise DataError(f"{path}: client {client!r} has no {name}; it has {', '.join(columns)}")
    values = columns[name]
    if np.shape(values)[1:] != shape or not np.ndim(values):
        expected = ", ".join(map(str, ("n", *shape)))
        raise wrong(path, client, name, f"is {list(np.shape(values))}, expected [{expected}]")
    return values


def grey(
    path: Path, client: str, columns: dict[str, np.ndarray], name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """A client's images float32 `[n, 28, 28, 1]`, from floats that must lie in 0..1."""
    pixels = column(path, client, columns, name, shape)
    if pixels.dtype.kind != "f":
        raise wrong(path, client, name, f"holds {pixels.dtype} values, expected floats in 0..1")
    outside = ~((pixels >= 0) & (pixels <= 1))
    if outside.any():
        raise wrong(path, client, name, f"holds {pixels[outside][0]}, expected floats in 0..1")
    return pixels.reshape(-1, 28, 28, 1).astype(np.float32)


def labels(path: Path, client: str, columns: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A client's labels int32 `[n]`."""
    values = column(path, client, columns, name, ())
    place = f"{path}: client {client!r}: {name} of example"
    return to_labels(values, lambda row: f"{place} {row}", AGAIN)


def wrong(path: Path, client: str, name: str, fault: str) -> DataError:
    """The error for a field of a client that is not as its publisher has it."""
    return DataError(f"{path}: client {client!r}: {name} {fault}; {AGAIN}")
