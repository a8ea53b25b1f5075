"""Gaussian noise of another level at every client.

Li, Diao, Chen and He 2022, "Federated learning on non-IID data silos: an experimental study"
(NIID-Bench), "noise-based feature imbalance".
"""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.data.arrays import leaves_of, row_blocks
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.keyed import grouped_range, keys, normals
from fedwhy.errors import DataError, number

NOISE = int.from_bytes(b"noise")


@dataclass(frozen=True)
class GaussianNoise:
    """Feature shift: Gaussian noise is added to x, and the later the client, the stronger.

    The noise of client i of n, counted from 1, has mean 0 and variance `sigma * i / n`; as in the
    paper `sigma` is a variance, that of the last client. It is added to every array of x, whose
    values are not clipped.

    Raises `DataError` for an array of x that holds no floating-point numbers.
    """

    sigma: float

    def __post_init__(self):
        number("sigma", self.sigma, at_least=0)

    def apply(self, data: FederatedDataset, seed: int) -> FederatedDataset:
        """`data` with noise on x; a copy."""
        deviation = np.sqrt(self.sigma * np.arange(1, data.clients + 1) / data.clients)
        owner, example = grouped_range(data.sizes)
        noisy = []
        for leaf, (field, array) in enumerate(leaves_of("x", data.x)):
            if not jnp.issubdtype(array.dtype, jnp.floating):
                raise DataError(
                    f"{data.name}: {field} holds {array.dtype} values; noise needs floating-point "
                    "numbers, such as (x / 255).astype(np.float32) for pixels"
                )
            out = np.empty(array.shape, array.dtype)
            for rows in row_blocks(array):
                key = keys(seed, NOISE, leaf, owner[rows], example[rows])
                noise = normals(key, array[0].size) * deviation[owner[rows], None]
                out[rows] = array[rows] + noise.reshape(array[rows].shape)
            noisy.append(out)
        return replace(data, x=jax.tree.unflatten(jax.tree.structure(data.x), noisy))
