"""Central image datasets: MNIST, Fashion-MNIST, EMNIST by class, CIFAR-10 and CIFAR-100."""

from functools import partial
from pathlib import Path

import numpy as np

from fedwhy.data.dataset import Dataset
from fedwhy.data.readers.idx import read_idx
from fedwhy.data.sources.files import File, locate, member
from fedwhy.data.sources.source import Source
from fedwhy.errors import DataError

IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def idx_files(folder: str, base: str, digests: tuple[str, ...], **options) -> tuple[File, ...]:
    """The four files of a dataset in MNIST's layout, in the order of `IDX`."""
    names = [f"{name}-ubyte.gz" for name in IDX]
    return tuple(
        File(f"{folder}/{name}", digest, (f"{base}/{name}",), **options)
        for name, digest in zip(names, digests, strict=True)
    )


MNIST = idx_files(
    "mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    (
        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    uncompressed=True,
)
FASHION_MNIST = idx_files(
    "fashion-mnist",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
    (
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
    ),
)
EMNIST = File(
    "emnist/gzip.zip",
    "md5:58c8d27c78d21e728a6bc7b3cc06412e",
    ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
    size=562,
)
CIFAR10 = File(
    "cifar10/cifar-10-binary.tar.gz",
    "md5:c32a1d4ab5d03f1284b67883e8d87530",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    size=170,
)
CIFAR100 = File(
    "cifar100/cifar-100-binary.tar.gz",
    "md5:03b5dce01913d631647c71ecec9e9cb8",
    ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
    size=169,
)


def read_mnist(name: str, files: tuple[File, ...]) -> Source[Dataset]:
    """A dataset in four idx files."""
    paths = [locate(file) for file in files]
    return Source(*(idx_dataset(name, *pair, classes=10) for pair in (paths[:2], paths[2:])))


def read_emnist() -> Source[Dataset]:
    """EMNIST by class: 62 digits and letters; its images are stored with x and y exchanged."""
    parts = []
    for part in ("train", "test"):
        stem = f"gzip/emnist-byclass-{part}"
        files = (f"{stem}-images-idx3-ubyte.gz", f"{stem}-labels-idx1-ubyte.gz")
        paths = [member(EMNIST, file) for file in files]
        parts.append(idx_dataset("emnist", *paths, classes=62, transposed=True))
    return Source(*parts)


def idx_dataset(
    name: str, images: Path, labels: Path, classes: int, transposed: bool = False
) -> Dataset:
    """Grey images float32 `[n, height, width, 1]` in 0..1, labels int32."""
    x, y = read_idx(images), read_idx(labels)
    if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
        raise DataError(
            f"{images}: holds {list(x.shape)} values for the {list(y.shape)} of {labels}; "
            "expected images [n, height, width] and labels [n]"
        )
    x = x.transpose(0, 2, 1) if transposed else x
    return Dataset(fractions(x[..., None]), y.astype(np.int32), name, classes)


def read_cifar(name: str, archive: File, members: tuple[tuple[str, ...], ...]) -> Source[Dataset]:
    """CIFAR in its binary version; `members` are the files of the train and of the test images."""
    parts = []
    for files in members:
        paths = [member(archive, file) for file in files]
        classes, labels = (100, 2) if name == "cifar100" else (10, 1)
        x, y = zip(*(cifar_records(path, labels) for path in paths), strict=True)
        parts.append(Dataset(np.concatenate(x), np.concatenate(y), name, classes))
    return Source(*parts)


def cifar_records(path: Path, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Images float32 `[n, 32, 32, 3]` and the last of each record's `labels` bytes, int32."""
    raw = np.fromfile(path, np.uint8)
    size = labels + 3 * 32 * 32
    if not len(raw) or len(raw) % size:
        raise DataError(f"{path}: has {len(raw)} bytes, expected a multiple of {size}; delete it")
    records = raw.reshape(-1, size)
    x = records[:, labels:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return fractions(x), records[:, labels - 1].astype(np.int32)


def fractions(pixels: np.ndarray) -> np.ndarray:
    """Bytes 0..255 as float32 0..1."""
    return np.multiply(pixels, np.float32(1 / 255), dtype=np.float32)


read_cifar10 = partial(
    read_cifar,
    "cifar10",
    CIFAR10,
    (
        tuple(f"cifar-10-batches-bin/data_batch_{number}.bin" for number in range(1, 6)),
        ("cifar-10-batches-bin/test_batch.bin",),
    ),
)
read_cifar100 = partial(
    read_cifar,
    "cifar100",
    CIFAR100,
    (("cifar-100-binary/train.bin",), ("cifar-100-binary/test.bin",)),
)
