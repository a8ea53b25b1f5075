"""Shifts: noise, rotation and wrong labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
from scipy.stats import chisquare, kstest

from fedwhy.data import (
    SHIFTS,
    FederatedDataset,
    GaussianNoise,
    LabelNoise,
    Rotation,
    changed,
    shift,
)
from fedwhy.errors import DataError, ParameterError

RNG = np.random.default_rng(0)


def clients_of(sizes, x=None, classes=10):
    """Clients of these sizes, with random labels, and random images unless given."""
    total = sum(sizes)
    x = RNG.random((total, 6, 6, 1), np.float32) if x is None else x
    y = RNG.integers(0, classes, total).astype(np.int32)
    ids = np.repeat(np.arange(len(sizes)), sizes)
    return FederatedDataset.from_arrays(x, y, ids, classes=classes)


EVERY = [GaussianNoise(0.5), Rotation(30.0, clusters=3), LabelNoise(0.3), LabelNoise(0.3, 0.5)]


@pytest.mark.parametrize("by", EVERY, ids=repr)
def test_a_shift_follows_from_its_seed_and_leaves_the_original(by):
    data = clients_of([5, 40, 12])
    x, y = data.x.copy(), data.y.copy()
    first, same, other = (shift(data, by, seed=s) for s in (1, 1, 2))
    assert np.array_equal(data.x, x) and np.array_equal(data.y, y)
    assert np.array_equal(first.x, same.x) and np.array_equal(first.y, same.y)
    assert isinstance(by, Rotation) or changed(first, other).any()
    assert first.x.dtype == x.dtype and first.y.dtype == y.dtype
    assert np.array_equal(first.ids, data.ids) and np.array_equal(first.offsets, data.offsets)


@pytest.mark.parametrize("by", EVERY, ids=repr)
def test_a_client_is_changed_alike_whatever_the_others_hold(by):
    data, others = clients_of([5, 40, 12]), clients_of([17, 3, 12])
    same = clients_of([17, 40, 12])
    for field in ("x", "y"):
        getattr(same, field)[same.owner == 1] = getattr(data, field)[data.owner == 1]
    assert not np.array_equal(others.sizes, data.sizes)
    for field in ("x", "y"):
        ours, theirs = (getattr(shift(d, by).client(1), field) for d in (data, same))
        assert np.array_equal(ours, theirs)


def test_noise_of_client_i_of_n_has_the_variance_sigma_i_by_n():
    sigma, features = 0.6, 500
    data = clients_of([200] * 3, np.zeros((600, features), np.float32))
    noise = shift(data, GaussianNoise(sigma)).x
    for i, part in enumerate(np.split(noise, 3), start=1):
        variance = sigma * i / 3
        # The variance of m normal draws has the standard error sqrt(2 / m) of itself.
        assert part.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / part.size))
        assert kstest(part.ravel() / np.sqrt(variance), "norm").pvalue > 1e-3


def test_noise_is_added_to_every_array_of_x_in_its_dtype():
    x = {"u": np.full((40, 3), 5.0), "v": np.full((40, 2, 2), 5, np.float16)}
    after = shift(clients_of([40], x), GaussianNoise(0.01)).x
    assert (after["u"].dtype, after["v"].dtype) == (np.float64, np.float16)
    assert all(0 < np.abs(after[k] - 5).max() < 1 for k in "uv")
    assert not np.array_equal(after["u"][:, 0], after["v"][:, 0, 0])


def test_right_angles_turn_images_exactly():
    for shape in ((9, 5, 5, 3), (9, 6, 6)):
        for dtype in (np.uint8, np.float32):
            x = (RNG.random(shape) * 255).astype(dtype)
            after = shift(clients_of([1] * 9, x), Rotation(90.0, clusters=4)).x
            expected = [np.rot90(image, k % 4) for k, image in enumerate(x)]
            assert np.array_equal(after, expected)
            assert after.dtype == dtype


@pytest.mark.parametrize("degrees", [17.0, -120.0, 300.0])
def test_other_angles_interpolate_bilinearly(degrees):
    x = RNG.random((2, 9, 12))
    after = shift(clients_of([1, 1], x), Rotation(degrees, clusters=2)).x
    expected = scipy.ndimage.rotate(
        x[1], degrees, reshape=False, order=1, mode="grid-constant", cval=0.0
    )
    assert np.array_equal(after[0], x[0])
    np.testing.assert_allclose(after[1], expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["symmetric", "pair"])
def test_labels_are_flipped_at_exactly_the_rate(kind):
    data = clients_of([10, 100, 33, 1] * 5)
    after = shift(data, LabelNoise(0.3, clients=0.6, kind=kind), seed=3)
    flipped = changed(data, after)
    assert np.array_equal(flipped, data.y != after.y)
    counts = np.bincount(data.owner[flipped], minlength=20)
    noisy = np.unique(data.owner[flipped])
    assert np.array_equal(counts[noisy], np.rint(0.3 * data.sizes[noisy]))
    # 12 of 20 are noisy; those with a single example round to no flip.
    assert len(noisy) + (data.sizes == 1).sum() >= 12 >= len(noisy)
    assert after.x is data.x
    assert after.y.min() >= 0 and after.y.max() <= 9
    if kind == "pair":
        assert np.array_equal(after.y[flipped], (data.y[flipped] + 1) % 10)


def test_symmetric_flips_go_to_all_other_classes_alike():
    data = clients_of([20_000], np.zeros(20_000), classes=4)
    after = shift(data, LabelNoise(0.5))
    steps = (after.y - data.y)[changed(data, after)] % 4
    assert len(steps) == 10_000
    assert chisquare(np.bincount(steps, minlength=4)[1:]).pvalue > 1e-3


def test_no_client_or_no_label_is_flipped_for_a_share_of_0():
    data = clients_of([10, 20])
    for by in (LabelNoise(0.0), LabelNoise(1.0, clients=0.0), GaussianNoise(0.0), Rotation(90, 1)):
        assert not changed(data, shift(data, by)).any()
    assert changed(data, shift(data, LabelNoise(1.0))).all()


@pytest.mark.parametrize("noise", [LabelNoise(0.5, clients=0.01), LabelNoise(0.01)])
def test_a_share_that_is_rounded_to_none_is_refused(noise):
    with pytest.raises(DataError, match="label noise flips nothing, for .* of 50 clients"):
        shift(clients_of([10] * 50), noise)


def test_changed_sees_x_and_y_and_takes_nan_for_nan():
    data = clients_of([2, 3], np.array([0, np.nan, 2, 3, 4]))
    after = replace(data, x=np.array([0, np.nan, np.nan, 3, 5]))
    assert changed(data, after).tolist() == [False, False, True, False, True]
    assert after.ids[np.unique(after.owner[changed(data, after)])].tolist() == [1]


IMAGES: Any = clients_of([2, 3])
NO_SHIFT: Any = Rotation
REFUSED = {
    "central data": (
        lambda: shift(IMAGES.pooled(), Rotation()),
        ParameterError,
        "data: expected a FederatedDataset, given Dataset; use partition() first",
    ),
    "a shift's class": (
        lambda: shift(IMAGES, NO_SHIFT),
        ParameterError,
        "by: expected a shift such as GaussianNoise(0.1)",
    ),
    "noise on pixels of 8 bits": (
        lambda: shift(clients_of([2], np.zeros((2, 4), np.uint8)), GaussianNoise(0.1)),
        DataError,
        "data: x holds uint8 values; noise needs floating-point numbers",
    ),
    "rotated tables": (
        lambda: shift(clients_of([2], {"u": np.zeros((2, 4))}), Rotation()),
        DataError,
        "data: x['u'] has the shape [2, 4]; to rotate images give",
    ),
    "noise on targets": (
        lambda: shift(replace(IMAGES, classes=None), LabelNoise(0.1)),
        DataError,
        "label noise needs one class number an example and at least two classes, given y int32[5]",
    ),
    "labels out of range": (
        lambda: shift(replace(IMAGES, y=np.full(5, 10)), LabelNoise(0.1)),
        DataError,
        "label 10 is outside 0..9",
    ),
    "another dataset": (
        lambda: changed(IMAGES, clients_of([3, 2])),
        DataError,
        "do not hold the same clients",
    ),
    "negative noise": (lambda: GaussianNoise(-1.0), ParameterError, "sigma: expected a finite"),
    "no clusters": (lambda: Rotation(90.0, 0), ParameterError, "clusters: expected a whole"),
    "rate in percent": (lambda: LabelNoise(30), ParameterError, "rate: expected a finite number"),
    "kind": (lambda: LabelNoise(0.1, kind="pairs"), ParameterError, 'did you mean "pair"?'),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_impossible_shifts_are_refused(fault):
    build, kind, message = REFUSED[fault]
    with pytest.raises(kind) as error:
        build()
    assert message in str(error.value)


def test_registry_names_every_shift():
    assert list(SHIFTS) == ["noise", "rotation", "labels", "label_flip", "backdoor"]
    assert all(by.__doc__ for by in SHIFTS.values())
