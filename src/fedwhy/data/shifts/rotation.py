"""Images rotated by another angle at every cluster of clients.

Ghosh, Chung, Yin and Ramchandran 2020, "An efficient framework for clustered federated learning"
(IFCA), "Rotated MNIST".
"""

from dataclasses import dataclass, replace

import jax
import numpy as np

from fedwhy.data.arrays import leaves_of, row_blocks
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.errors import DataError, number, whole_number


@dataclass(frozen=True)
class Rotation:
    """Feature shift: clients form clusters, and each cluster rotates its images by another angle.

    The client at position c belongs to cluster `k = c % clusters`, whose images are rotated by
    `k * angle` degrees counter-clockwise about their middle. With 4 clusters and 90 degrees these
    are the four of IFCA. Pixels are interpolated bilinearly, those from beyond the border are 0;
    by right angles a square image is rotated exactly. Shape and dtype stay.

    Raises `DataError` for an array of x that is not `[examples, height, width]` or
    `[examples, height, width, channels]`.
    """

    angle: float = 90.0
    clusters: int = 4

    def __post_init__(self):
        number("angle", self.angle)
        whole_number("clusters", self.clusters, at_least=1)

    def apply(self, data: FederatedDataset, seed: int) -> FederatedDataset:
        """`data` with rotated images; a copy. Nothing in it is random."""
        cluster = data.owner % self.clusters
        rotated = []
        for field, array in leaves_of("x", data.x):
            if array.ndim not in (3, 4):
                raise DataError(
                    f"{data.name}: {field} has the shape {list(array.shape)}; to rotate images "
                    "give [examples, height, width] or [examples, height, width, channels]"
                )
            out = np.array(array)
            for k in range(1, min(self.clusters, data.clients)):
                theirs = np.flatnonzero(cluster == k)
                for part in row_blocks(array, len(theirs)):
                    out[theirs[part]] = rotate(array[theirs[part]], k * self.angle)
            rotated.append(out)
        return replace(data, x=jax.tree.unflatten(jax.tree.structure(data.x), rotated))


def rotate(images: np.ndarray, degrees: float) -> np.ndarray:
    """Images `[n, height, width, ...]` rotated counter-clockwise, of the same shape and dtype."""
    height, width = images.shape[1:3]
    # Rounded, so that right angles hit pixels exactly.
    cos, sin = np.round([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], 15)
    down, right = np.indices((height, width)) - np.array([height - 1, width - 1])[:, None, None] / 2
    row = cos * down + sin * right + (height - 1) / 2
    column = cos * right - sin * down + (width - 1) / 2

    pixels = images.reshape(len(images), height * width, -1)
    out = np.zeros(pixels.shape, np.result_type(images.dtype, np.float32))
    for corner_row in (np.floor(row), np.floor(row) + 1):
        for corner_column in (np.floor(column), np.floor(column) + 1):
            weight = (1 - np.abs(row - corner_row)) * (1 - np.abs(column - corner_column))
            inside = (corner_row >= 0) & (corner_row < height)
            inside &= (corner_column >= 0) & (corner_column < width) & (weight > 0)
            source = (corner_row * width + corner_column)[inside].astype(int)
            share = weight[inside].astype(out.dtype)[:, None]
            out[:, inside.ravel()] += pixels[:, source] * share
    if not np.issubdtype(images.dtype, np.inexact):
        out = np.rint(out)
    return out.reshape(images.shape).astype(images.dtype)
