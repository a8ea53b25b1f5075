"""`Mixup`: examples and labels between those of a batch.

Zhang, Cisse, Dauphin and Lopez-Paz 2018, "mixup: Beyond empirical risk minimization", ICLR, eq. 1.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.data.augmentation.chain import as_before
from fedwhy.errors import DataError, number, whole_number

PyTree = Any


@dataclass(frozen=True)
class Mixup:
    """Mixes each example with another of its batch: `share * a + (1 - share) * b`, in x and y.

    `share ~ Beta(alpha, alpha)` is drawn for each example; the other is one of the same client, as
    all of a batch are. Whole numbers in x are rounded. Labels are one-hot, or with `classes` they
    may be class numbers, which it makes one-hot; the loss must take such labels.
    """

    alpha: float = 0.2
    classes: int | None = None

    def __post_init__(self):
        number("alpha", self.alpha, above=0)
        if self.classes is not None:
            whole_number("classes", self.classes, at_least=2)

    def __call__(self, key: jax.Array, x: PyTree, y: Any) -> tuple[PyTree, Any]:
        """The mixed batch; raises `DataError` for labels that cannot be mixed."""
        y = self._one_hot(jnp.asarray(y))
        keys, batch = jax.random.split(key), y.shape[0]
        share = jax.random.beta(keys[0], self.alpha, self.alpha, (batch,))
        other = jax.random.permutation(keys[1], batch)

        def mix(array: jax.Array) -> jax.Array:
            array = jnp.asarray(array)
            part = share.reshape(batch, *(1,) * (array.ndim - 1))
            return as_before(part * array + (1 - part) * array[other], array)

        return jax.tree.map(mix, x), mix(y)

    def _one_hot(self, y: jax.Array) -> jax.Array:
        whole = not jnp.issubdtype(y.dtype, jnp.floating)
        if whole and self.classes is not None:
            return jax.nn.one_hot(y, self.classes, dtype=jnp.float32)
        if whole or y.ndim < 2:
            raise DataError(
                f"Mixup mixes labels, which must be one-hot, but y is {y.dtype}"
                f"[{','.join(map(str, y.shape))}] a batch; set Mixup(classes=...) and give the "
                "model's preparation a OneHot step, so that its loss takes one-hot labels"
            )
        return y
