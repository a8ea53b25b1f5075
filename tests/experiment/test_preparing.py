"""What the keys of `[prepare]` and `[augment]` stand for."""

import numpy as np
import pytest

import fedwhy as fw
from fedwhy.experiment import tables
from fedwhy.experiment.file import ExperimentFile
from fedwhy.experiment.preparing import augmentations, preparation

FILE = ExperimentFile("my.toml", {})
CLIENTS = fw.FederatedDataset.from_arrays(
    np.random.default_rng(0).normal(size=(6, 4, 4, 3)),
    np.arange(6) % 3,
    np.arange(6) // 2,
    classes=3,
)


def values(table, **given):
    return table(**given).model_dump()


@pytest.mark.parametrize(
    ("given", "shape"), [(True, (4, 4, 3)), ("feature", (4, 4, 3)), ("channel", (3,)), ("all", ())]
)
def test_examples_are_resized_and_scaled_before_they_are_standardised(given, shape):
    every = values(
        tables.Prepare, resize=[4, 4], scale=8, standardise=given, flatten=True, one_hot=True
    )
    fitted = preparation(FILE, every, CLIENTS)
    assert fitted is not None
    resize, scale, standardise, flatten, one_hot = fitted.steps
    assert resize == fw.prepare.Resize(4, 4) and scale == fw.prepare.Scale(8)
    assert flatten == fw.prepare.Flatten() and one_hot == fw.prepare.OneHot(3)
    assert standardise.mean.shape == shape
    np.testing.assert_allclose(standardise.mean.mean(), CLIENTS.x.mean() / 8, rtol=1e-5)


def test_augmentations_come_in_their_order_and_know_the_classes():
    every = values(tables.Augment, mixup=0.3, cutout=2, noise=0.5, rotation=9.0, flip=True, crop=1)
    a = fw.augment
    assert augmentations(FILE, every, CLIENTS) == (
        *(a.RandomCrop(1), a.RandomFlip(), a.RandomRotation(9.0), a.GaussianNoise(0.5)),
        *(a.Cutout(2), a.Mixup(0.3, classes=3)),
    )


def test_nothing_is_done_unless_it_is_set():
    assert preparation(FILE, values(tables.Prepare), CLIENTS) is None
    assert augmentations(FILE, values(tables.Augment), CLIENTS) == ()
