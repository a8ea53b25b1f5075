"""Sources: datasets by name, split into a train and a test set."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fedwhy.data.dataset import Dataset
from fedwhy.errors import ParameterError, one_of, whole_number


class Source(NamedTuple):
    """A central dataset: examples to train on, and others to test on."""

    train: Dataset
    test: Dataset


class SourceEntry(NamedTuple):
    """A dataset by name: `read` loads it, the rest describes it; `shape` is that of one example."""

    read: Callable[[], Source]
    summary: str
    classes: int
    shape: tuple[int, ...]
    licence: str
    citation: str


def load(name: str, resize: tuple[int, int] | None = None) -> Source:
    """Loads a dataset of `SOURCES`; `resize=(height, width)` resizes its images bilinearly.

    Images are float32 `[examples, height, width, channels]` in 0..1, labels int32 `[examples]`.
    Raises `ParameterError` for an unknown name or an impossible size.
    """
    source = SOURCES[one_of("name", name, tuple(SOURCES))].read()
    if resize is None:
        return source
    if not isinstance(resize, tuple | list) or len(resize) != 2:
        raise ParameterError("resize", f"expected (height, width), given {resize!r}")
    height, width = (whole_number("resize", side, at_least=1) for side in resize)
    return Source(*(replace(part, x=resize_images(part.x, height, width)) for part in source))


def read_digits() -> Source:
    """The digits of scikit-learn; a fifth of each class is set apart for testing."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int32)
    split = train_test_split(np.arange(len(y)), test_size=360, stratify=y, random_state=0)
    return Source(*(Dataset(x[rows], y[rows], "digits", classes=10) for rows in split))


def resize_images(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images `[n, h, w, channels]` as float32 `[n, height, width, channels]`."""
    import jax.image

    shape = (len(images), height, width, images.shape[3])
    return np.asarray(jax.image.resize(images, shape, "bilinear"), np.float32)


SOURCES: dict[str, SourceEntry] = {
    "digits": SourceEntry(
        read_digits,
        summary="1,797 handwritten digits of 13 people, 8x8 grey pixels; part of scikit-learn.",
        classes=10,
        shape=(8, 8, 1),
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI "
        "Machine Learning Repository, https://doi.org/10.24432/C50P49",
    ),
}
