"""Named datasets."""

import numpy as np
import pytest
import sklearn.datasets

from fedwhy.data import SOURCES, check_values, load
from fedwhy.errors import ParameterError


@pytest.fixture(scope="module")
def digits():
    return load("digits")


def test_digits_are_those_of_scikit_learn(digits):
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    x = np.concatenate([digits.train.x, digits.test.x]).reshape(-1, 64) * 16
    y = np.concatenate([digits.train.y, digits.test.y])
    ours, theirs = (np.column_stack(pair) for pair in ((x, y), (images, labels)))
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_digits_have_the_described_types_and_shapes(digits):
    for part, examples in ((digits.train, 1437), (digits.test, 360)):
        assert part.x.shape == (examples, *SOURCES["digits"].shape)
        assert (part.x.dtype, part.y.dtype) == (np.float32, np.int32)
        assert (part.x.min(), part.x.max()) == (0, 1)
        assert (part.name, part.classes) == ("digits", 10)
        check_values(part)


def test_split_is_stratified_and_fixed(digits):
    counts = np.bincount(digits.train.y), np.bincount(digits.test.y)
    assert abs(counts[0] / 1437 - counts[1] / 360).max() < 1 / 360
    assert np.array_equal(load("digits").train.x, digits.train.x)


def test_resize_keeps_range_and_labels(digits):
    large = load("digits", resize=(16, 12))
    assert large.train.x.shape == (1437, 16, 12, 1)
    assert large.train.x.dtype == np.float32
    assert 0 <= large.train.x.min() <= large.train.x.max() <= 1
    assert np.array_equal(large.train.y, digits.train.y)
    assert np.allclose(load("digits", resize=(8, 8)).test.x, digits.test.x)
    means = (part.x.mean(axis=(1, 2, 3)) for part in (large.test, digits.test))
    assert np.allclose(*means, atol=0.05)


@pytest.mark.parametrize("resize", [(0, 8), (8,), 16, (8.0, 8), "8x8"])
def test_impossible_size_is_refused(resize):
    with pytest.raises(ParameterError, match="resize: expected"):
        load("digits", resize=resize)


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ParameterError, match="unknown value 'digit'; did you mean \"digits\""):
        load("digit")
