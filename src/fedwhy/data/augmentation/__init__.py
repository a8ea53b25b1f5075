"""Augmentation: training batches changed at random, within the rounds.

An augmentation is called as `(key, x, y) -> (x, y)` on a batch, the batch axis first: a pure
function of the key that JAX can trace and that keeps the shapes and types of `x`. It sees raw
examples, as the data holds them, before the model's preparation: units and zeros are theirs.
"""

from fedwhy.data.augmentation.chain import Augmentation, Chain
from fedwhy.data.augmentation.images import Cutout, RandomCrop, RandomFlip
from fedwhy.data.augmentation.mixup import Mixup
from fedwhy.data.augmentation.noise import GaussianNoise
from fedwhy.data.augmentation.rotation import RandomRotation

__all__ = [
    "Augmentation",
    "Chain",
    "Cutout",
    "GaussianNoise",
    "Mixup",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
]
