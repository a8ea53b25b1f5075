"""`Course`: where a client's loss begins in a round, and where it ends."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp


class Course(NamedTuple):
    """The mean loss of a client's first and last batch so far, float32 scalars.

    Like every recorded loss it is that of the examples alone.
    """

    first: jax.Array
    last: jax.Array

    @staticmethod
    def zero() -> Course:
        """Before the first batch."""
        return Course(jnp.zeros(()), jnp.zeros(()))

    def passed(self, loss: jax.Array, seen: jax.Array) -> Course:
        """After one more batch of mean loss `loss`, before which `seen` examples were."""
        return Course(jnp.where(seen > 0, self.first, loss), loss)
