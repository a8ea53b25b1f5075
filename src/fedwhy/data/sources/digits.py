"""The digits of scikit-learn."""

from typing import Any

import numpy as np

from fedwhy.data.dataset import Dataset
from fedwhy.data.sources.source import Source


def read_digits() -> Source[Dataset]:
    """1,437 images to train on, and a fifth of each class to test on."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int32)
    split = train_test_split(np.arange(len(y)), test_size=360, stratify=y, random_state=0)
    return Source(*(Dataset(x[rows], y[rows], "digits", classes=10) for rows in split))
