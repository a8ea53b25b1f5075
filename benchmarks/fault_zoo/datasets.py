"""What the healthy runs train on: small parts of real data, each loaded once."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

import fedwhy as fw

PIXELS = 32


class Parts(NamedTuple):
    """Examples to train on, dealt to clients or not yet, and to test on; the test set by client."""

    train: Any
    test: fw.Dataset
    test_clients: fw.FederatedDataset | None = None


@cache
def digits() -> Parts:
    """1,437 images of 8 x 8 pixels, and 360 to test on."""
    source = fw.load("digits")
    return Parts(source.train, first(source.test, len(source.test)))


@cache
def mnist() -> Parts:
    """The first 2,000 images of 28 x 28 pixels, and 1,000 to test on."""
    source = fw.load("mnist")
    return Parts(first(source.train, 2000), first(source.test, 1000))


@cache
def large_digits() -> Parts:
    """600 digits of 32 x 32 pixels in three channels, as MobileNet needs, and 200 to test on."""

    def enlarged(data: fw.Dataset, count: int) -> fw.Dataset:
        x = np.repeat(np.repeat(data.x[:count], PIXELS // 8, axis=1), PIXELS // 8, axis=2)
        return fw.Dataset(np.repeat(x, 3, axis=3), data.y[:count], "digits", data.classes)

    return Parts(enlarged(digits().train, 600), enlarged(digits().test, 200))


@cache
def heart() -> Parts:
    """486 patients of four hospitals, 13 features standardised over all, and 254 to test on."""
    train, test = fw.load("heart-disease")
    mean, deviation = train.x.mean(axis=0), train.x.std(axis=0)

    def standardised(x: Any, y: Any) -> tuple[Any, Any]:
        return (x - mean) / deviation, y

    test = test.map(standardised)
    return Parts(train.map(standardised), test.pooled(), test)


@cache
def shakespeare() -> Parts:
    """20 roles with 24 lines each, of 80 characters, and 4 more of each to test on."""
    roles = fw.load("shakespeare").train
    chosen = roles.select(np.sort(np.argsort(-roles.sizes, kind="stable")[:20])).take(28)
    last = np.arange(len(chosen)) % 28 >= 24
    return Parts(chosen.filter(~last), chosen.filter(last).pooled())


def first(data: Any, count: int) -> fw.Dataset:
    """The first `count` examples."""
    return fw.Dataset(data.x[:count], data.y[:count], data.name, data.classes, data.task)
