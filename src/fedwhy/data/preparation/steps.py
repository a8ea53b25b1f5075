"""Steps of a `Preparation` that need no fitting, or only what a dataset says of itself.

A step is a frozen dataclass with `inputs(x)` or `labels(y)`, or both: pure functions of a batch
that JAX can trace, the batch axis first. `leaf` names one array of an `x` that is a dict (or a
tuple, by its place); without it a step changes every array of `x`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.data.leaves import map_arrays, map_images
from fedwhy.errors import DataError, ParameterError, number, whole_number

if TYPE_CHECKING:
    from fedwhy.data.federated_dataset import FederatedDataset

PyTree = Any


@dataclass(frozen=True)
class Scale:
    """Divides inputs by `by`, as float32: bytes 0..255 become numbers in 0..1."""

    by: float = 255.0
    leaf: str | None = None

    def __post_init__(self):
        number("by", self.by, above=0)

    def inputs(self, x: PyTree) -> PyTree:
        """`x / by`, float32."""
        return map_arrays(
            lambda name, a: jnp.asarray(a, jnp.float32) / np.float32(self.by), x, self.leaf
        )


@dataclass(frozen=True)
class Resize:
    """Resizes images `[batch, height, width, channels]` bilinearly, as float32.

    Smaller images are averages of the larger ones (antialiased).
    """

    height: int
    width: int
    leaf: str | None = None

    def __post_init__(self):
        for name in ("height", "width"):
            whole_number(name, getattr(self, name), at_least=1)

    def inputs(self, x: PyTree) -> PyTree:
        """Images `[batch, height, width, channels]`, float32."""

        def resize(images: jax.Array) -> jax.Array:
            shape = (images.shape[0], self.height, self.width, images.shape[3])
            return jax.image.resize(jnp.asarray(images, jnp.float32), shape, "bilinear")

        return map_images("Resize", resize, x, self.leaf)


@dataclass(frozen=True)
class Flatten:
    """Makes each example a vector: `[batch, ...]` becomes `[batch, features]`."""

    leaf: str | None = None

    def inputs(self, x: PyTree) -> PyTree:
        """`x` `[batch, features]`."""
        return map_arrays(lambda name, a: jnp.reshape(a, (a.shape[0], -1)), x, self.leaf)


@dataclass(frozen=True)
class Cast:
    """Changes the type of inputs to `dtype`, such as `"float32"` or `"bfloat16"`."""

    dtype: str = "float32"
    leaf: str | None = None

    def __post_init__(self):
        try:
            object.__setattr__(self, "dtype", jnp.dtype(self.dtype).name)
        except TypeError:
            raise ParameterError("dtype", f"expected a type, given {self.dtype!r}") from None

    def inputs(self, x: PyTree) -> PyTree:
        """`x` in `dtype`."""
        return map_arrays(lambda name, a: jnp.asarray(a).astype(self.dtype), x, self.leaf)


@dataclass(frozen=True)
class OneHot:
    """Makes class numbers 0..`classes`-1 vectors with a single 1: `[batch, classes]`, float32.

    `classes` is that of the data it is fitted on, if left out. A floating `y` `[..., classes]` is
    one-hot already and stays as it is. `train` and `Preparation.apply` refuse labels out of range.
    """

    classes: int | None = None

    def __post_init__(self):
        if self.classes is not None:
            whole_number("classes", self.classes, at_least=2)

    def fit(
        self, clients: FederatedDataset, inputs: Callable[[PyTree], PyTree] | None = None
    ) -> OneHot:
        """Returns this step with the classes of `clients`, unless it has its own.

        Raises `DataError` where neither tells them.
        """
        if self.classes is not None:
            return self
        if clients.classes is None:
            raise DataError(
                f"{clients.name}: how many classes there are is not known, so its labels cannot be "
                "made one-hot; set classes in the data, or give OneHot(classes=...)"
            )
        return replace(self, classes=clients.classes)

    def labels(self, y: Any) -> jax.Array:
        """`y` one-hot, float32 `[batch, ..., classes]`."""
        if self.classes is None:
            raise ParameterError("classes", "OneHot has none yet; give them, or fit it on clients")
        y = jnp.asarray(y)
        if not jnp.issubdtype(y.dtype, jnp.floating):
            return jax.nn.one_hot(y, self.classes, dtype=jnp.float32)
        if y.ndim < 2 or y.shape[-1] != self.classes:
            raise DataError(
                f"OneHot takes class numbers, or labels [..., {self.classes}] that are one-hot "
                f"already; y is {y.dtype}[{','.join(map(str, y.shape))}]"
            )
        return y
