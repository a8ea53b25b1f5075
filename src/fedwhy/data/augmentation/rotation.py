"""`RandomRotation`: images turned about their centre."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from fedwhy.data.augmentation.chain import as_before
from fedwhy.data.leaves import map_images
from fedwhy.errors import number

PyTree = Any


@dataclass(frozen=True)
class RandomRotation:
    """Turns each image by up to `degrees` either way; what comes in is zero.

    Pixels are interpolated bilinearly, and rounded where they are whole numbers. `leaf` is as in
    `RandomCrop`.
    """

    degrees: float
    leaf: str | None = None

    def __post_init__(self):
        number("degrees", self.degrees, above=0, at_most=180)

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch with its images turned."""

        def turn(images: jax.Array) -> jax.Array:
            limit = self.degrees
            angles = jax.random.uniform(key, (images.shape[0],), minval=-limit, maxval=limit)
            return as_before(jax.vmap(turned)(jnp.asarray(images, jnp.float32), angles), images)

        return map_images("RandomRotation", turn, x, self.leaf), y


def turned(image: jax.Array, degrees: jax.typing.ArrayLike) -> jax.Array:
    """`image` `[height, width, channels]` turned counterclockwise about its centre, float32."""
    height, width, _ = image.shape
    angle = jnp.deg2rad(degrees)
    down, right = jnp.meshgrid(
        jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij"
    )
    rows = jnp.cos(angle) * down + jnp.sin(angle) * right + (height - 1) / 2
    columns = jnp.cos(angle) * right - jnp.sin(angle) * down + (width - 1) / 2

    def one(channel: jax.Array) -> jax.Array:
        return map_coordinates(channel, [rows, columns], order=1, mode="constant")

    return jax.vmap(one, in_axes=2, out_axes=2)(image)
