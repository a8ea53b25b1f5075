"""`GaussianNoise`: inputs with noise added."""

from dataclasses import dataclass
from typing import Any

import jax

from fedwhy.data.augmentation.chain import as_before
from fedwhy.data.leaves import map_arrays
from fedwhy.errors import number

PyTree = Any


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise of deviation `std`, in the units of the data, to inputs of any shape.

    Whole numbers are rounded and kept in their range. `leaf` names one array of x; without it
    every array is changed, each with noise of its own.
    """

    std: float
    leaf: str | None = None

    def __post_init__(self):
        number("std", self.std, above=0)

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The batch with noise on its inputs."""
        place = iter(range(len(jax.tree.leaves(x))))

        def add(name: str, array: jax.Array) -> jax.Array:
            noise = jax.random.normal(jax.random.fold_in(key, next(place)), array.shape)
            return as_before(array + self.std * noise, array)

        return map_arrays(add, x, self.leaf), y
