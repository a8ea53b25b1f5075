"""Augmentations, on batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from fedwhy.data.augmentation import (
    Chain,
    Cutout,
    GaussianNoise,
    Mixup,
    RandomCrop,
    RandomFlip,
    RandomRotation,
)
from fedwhy.data.augmentation.rotation import turned
from fedwhy.errors import DataError, ParameterError

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 256, (400, 5, 7, 2)).astype(np.uint8)
LABELS = np.eye(10, dtype=np.float32)[np.arange(400) % 10]
ALL = [RandomCrop(2), RandomFlip(), RandomRotation(20), GaussianNoise(3), Cutout(2), Mixup(0.4)]


@pytest.mark.parametrize("step", ALL, ids=lambda step: type(step).__name__)
def test_same_key_same_batch_wherever_it_is_computed(step):
    x, y = (np.asarray(a, float) for a in jax.jit(step)(KEY, IMAGES, LABELS))
    lanes = jax.jit(jax.vmap(step, in_axes=(0, None, None)))
    many_x, many_y = lanes(jnp.stack([jax.random.key(1), KEY]), IMAGES, LABELS)
    assert (many_x.dtype, many_x.shape[1:]) == (IMAGES.dtype, IMAGES.shape)
    assert (x != IMAGES).any() and (x != np.asarray(many_x[0])).any()
    np.testing.assert_allclose(many_x[1], x, atol=1)  # A rounding of a whole number.
    np.testing.assert_allclose(many_y[1], y, atol=1e-6)


def test_crop_cuts_every_window_out_of_a_frame_of_zeros():
    x, _ = RandomCrop(2)(KEY, IMAGES, LABELS)
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)))
    windows = np.stack([padded[:, r : r + 5, c : c + 7] for r in range(5) for c in range(5)])
    which = (windows == np.asarray(x)).all(axis=(2, 3, 4))
    assert (which.sum(axis=0) == 1).all()
    assert which.any(axis=1).all()


def test_flip_mirrors_half_of_the_images():
    x = np.asarray(RandomFlip()(KEY, IMAGES, LABELS)[0])
    mirrored = (x == np.flip(IMAGES, axis=2)).all(axis=(1, 2, 3))
    same = (x == IMAGES).all(axis=(1, 2, 3))
    assert (mirrored ^ same).all()
    assert 160 < mirrored.sum() < 240  # Four deviations of a fair coin.


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_those_of_numpy(turns):
    square = jnp.asarray(IMAGES[0, :, :5], jnp.float32)
    np.testing.assert_allclose(turned(square, 90.0 * turns), np.rot90(square, turns), atol=1e-2)


@pytest.mark.parametrize("degrees", [-100.0, 13.0, 60.0])
def test_turned_images_are_those_of_scipy(degrees):
    image = jnp.asarray(IMAGES[0], jnp.float32)
    expected = ndimage.rotate(image, degrees, reshape=False, order=1, mode="grid-constant")
    np.testing.assert_allclose(turned(image, degrees), expected, atol=1e-2)


def test_rotation_turns_by_no_more_than_it_says():
    ring = np.zeros((400, 21, 21, 1), np.float32)
    ring[:, 10, 20] = 1.0
    x = np.asarray(RandomRotation(30)(KEY, ring, LABELS)[0])[..., 0]
    right, up = np.arange(21) - 10, 10 - np.arange(21)
    mass = x.sum(axis=(1, 2))
    angles = np.degrees(np.arctan2((x.sum(2) @ up) / mass, (x.sum(1) @ right) / mass))
    assert -31 < angles.min() < -25
    assert 25 < angles.max() < 31


def test_noise_has_its_deviation_and_keeps_to_the_range_of_bytes():
    x = np.full((100, 20, 20), 100, np.uint8)
    noisy = np.asarray(GaussianNoise(8.0)(KEY, x, LABELS)[0])
    # Rounding adds the variance of a uniform number of width 1.
    np.testing.assert_allclose(noisy.std(), np.sqrt(8**2 + 1 / 12), rtol=0.02)
    np.testing.assert_allclose(noisy.mean(), 100, atol=0.2)
    edge = np.asarray(GaussianNoise(8.0)(KEY, np.where(x > 0, 255, x).astype(np.uint8), LABELS)[0])
    assert edge.min() > 200


def test_arrays_of_an_example_get_noise_of_their_own():
    x = {name: np.zeros((50, 3), np.float32) for name in "ab"}
    noisy, _ = GaussianNoise(1.0)(KEY, x, LABELS)
    assert abs(np.corrcoef(np.ravel(noisy["a"]), np.ravel(noisy["b"]))[0, 1]) < 0.3
    one, _ = GaussianNoise(1.0, leaf="a")(KEY, x, LABELS)
    assert np.any(one["a"]) and not np.any(one["b"])


def test_cutout_hides_a_square_around_any_pixel():
    x = np.asarray(Cutout(3)(KEY, IMAGES, LABELS)[0])
    hidden = (x == 0).all(axis=3)
    assert ((x == IMAGES) | hidden[..., None]).all()
    rows, columns = hidden.any(axis=2), hidden.any(axis=1)
    assert (hidden == rows[:, :, None] & columns[:, None]).all()
    # Centred at an edge, a row of the square lies outside; at the centre of 5 x 7 pixels, none.
    assert set(rows.sum(1)) == set(columns.sum(1)) == {2, 3}
    np.testing.assert_allclose(hidden[:, 2, 3].mean(), 9 / 35, atol=4 * np.sqrt(0.2 / 400))


def test_mixup_mixes_inputs_and_labels_by_one_beta_share():
    classes = np.arange(400) % 10
    alone = np.eye(400, dtype=np.float32)
    x, y = (np.asarray(a) for a in Mixup(0.5)(KEY, alone, np.eye(10, dtype=np.float32)[classes]))
    np.testing.assert_allclose(x @ np.eye(10)[classes], y, atol=1e-6)
    share = x[np.arange(400), np.arange(400)]
    mixed = (x > 0).sum(axis=1) == 2
    np.testing.assert_allclose(x.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(share[mixed].mean(), 0.5, atol=0.08)
    # Beta(a, a) has the variance 1 / (4 (2 a + 1)).
    np.testing.assert_allclose(share[mixed].var(), 1 / 8, rtol=0.15)


def test_mixup_makes_class_numbers_one_hot_or_refuses_them():
    numbers = np.arange(400) % 10
    given = Mixup(0.2)(KEY, IMAGES, LABELS)
    made = Mixup(0.2, classes=10)(KEY, IMAGES, numbers)
    np.testing.assert_array_equal(made[1], given[1])
    for y in (numbers, numbers.astype(np.float32)):
        with pytest.raises(DataError, match="must be one-hot, but y is"):
            Mixup(0.2)(KEY, IMAGES, y)


def test_chain_gives_each_step_a_key_of_its_own():
    x, _ = Chain((GaussianNoise(5), GaussianNoise(5)))(KEY, IMAGES.astype(np.float32), LABELS)
    np.testing.assert_allclose((np.asarray(x) - IMAGES).std(), np.sqrt(50), rtol=0.03)


def test_only_the_named_images_are_moved():
    x = {"image": IMAGES, "table": np.ones((400, 3))}
    moved, _ = RandomFlip(leaf="image")(KEY, x, LABELS)
    np.testing.assert_array_equal(moved["image"], RandomFlip()(KEY, IMAGES, LABELS)[0])
    assert moved["table"] is x["table"]
    with pytest.raises(DataError, match=r"RandomFlip takes images .* x\['table'\] is float"):
        RandomFlip()(KEY, x, LABELS)


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomCrop(0),
        lambda: RandomRotation(181),
        lambda: GaussianNoise(-1),
        lambda: Cutout(0.5),  # pyright: ignore
        lambda: Mixup(0),
        lambda: Mixup(0.2, classes=1),
    ],
)
def test_impossible_numbers_are_refused(make):
    with pytest.raises(ParameterError):
        make()
