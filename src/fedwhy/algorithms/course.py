"""`Course`: where a client's loss begins in a round, and where it ends."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Course(NamedTuple):
    """The mean losses of a client's first and last batch so far, float32 `[2]`.

    Like every recorded loss they are those of the examples alone. They lie in one array, since each
    array that a step changes costs a small model's step about half a percent.
    """

    losses: jax.Array

    @staticmethod
    def zero() -> Course:
        """Before the first batch."""
        return Course(jnp.zeros(2))

    def passed(self, loss: jax.Array, seen: jax.Array) -> Course:
        """After one more batch of mean loss `loss`, before which `seen` examples were."""
        keeps_first = (seen > 0) & (jnp.arange(2) == 0)
        return Course(jnp.where(keeps_first, self.losses, loss))
