"""Moving and hiding parts of images `[batch, height, width, channels]`; no pixel is computed.

`leaf` names the array of images where x is a dict; without it every array of x must be images, and
is changed alike.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.data.leaves import map_images
from fedwhy.errors import whole_number

PyTree = Any


@dataclass(frozen=True)
class RandomCrop:
    """Moves each image by up to `padding` pixels either way; what comes in is zero.

    The same as cutting a window of the old size out of an image with a frame of `padding` zeros
    (Krizhevsky, Sutskever and Hinton 2012, "ImageNet classification with deep convolutional neural
    networks", section 4.1, cut windows out of larger images).
    """

    padding: int
    leaf: str | None = None

    def __post_init__(self):
        whole_number("padding", self.padding, at_least=1)

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch with its images moved."""

        def crop(images: jax.Array) -> jax.Array:
            frame = (self.padding, self.padding)
            padded = jnp.pad(images, ((0, 0), frame, frame, (0, 0)))
            corners = jax.random.randint(key, (images.shape[0], 2), 0, 2 * self.padding + 1)

            def window(image: jax.Array, corner: jax.Array) -> jax.Array:
                return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), images.shape[1:])

            return jax.vmap(window)(padded, corners)

        return map_images("RandomCrop", crop, x, self.leaf), y


@dataclass(frozen=True)
class RandomFlip:
    """Mirrors half of the images at random, left to right (Krizhevsky et al. 2012, sec. 4.1)."""

    leaf: str | None = None

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch with some of its images mirrored."""

        def flip(images: jax.Array) -> jax.Array:
            mirrored = jax.random.bernoulli(key, shape=(images.shape[0], 1, 1, 1))
            return jnp.where(mirrored, images[:, :, ::-1], images)

        return map_images("RandomFlip", flip, x, self.leaf), y


@dataclass(frozen=True)
class Cutout:
    """Hides a square of `size` pixels in each image by zeros.

    Its centre may be any pixel, so that part of the square may lie outside (DeVries and Taylor
    2017, "Improved regularization of convolutional neural networks with Cutout",
    arXiv:1708.04552). In the paper a zero is the mean of the data; here it is that of raw inputs.
    """

    size: int
    leaf: str | None = None

    def __post_init__(self):
        whole_number("size", self.size, at_least=1)

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch with a square of each image at zero."""

        def cut(images: jax.Array) -> jax.Array:
            batch, height, width, _ = images.shape
            keys = jax.random.split(key)
            rows = self._hidden(keys[0], batch, height)
            columns = self._hidden(keys[1], batch, width)
            hidden = rows[:, :, None, None] & columns[:, None, :, None]
            return jnp.where(hidden, jnp.zeros((), images.dtype), images)

        return map_images("Cutout", cut, x, self.leaf), y

    def _hidden(self, key: jax.Array, batch: int, side: int) -> jax.Array:
        """Which of `side` rows or columns a square covers, bool `[batch, side]`."""
        first = jax.random.randint(key, (batch, 1), 0, side) - self.size // 2
        place = jnp.arange(side)
        return (place >= first) & (place < first + self.size)
