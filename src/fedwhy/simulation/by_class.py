"""`ByClass`: what a model makes of the examples of each class, as sums."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.models import Model

# Of more classes, records would be long and shares of a test set mere noise.
MOST_CLASSES = 100


class ByClass(NamedTuple):
    """Sums over examples, float32 `[classes]`.

    `support` counts the examples of a class, `right` those of them that are recognised, and
    `predicted` the examples, whatever they are, that are taken for one.
    """

    support: jax.Array
    right: jax.Array
    predicted: jax.Array

    def record(self, of: str) -> dict[str, list[float]]:
        """As a round's record names it: `"test_recall"`, NaN without examples, and so on."""
        support, right, predicted = (np.asarray(each, np.float64) for each in self)
        with np.errstate(invalid="ignore"):
            recall, share = right / support, predicted / predicted.sum()
        return {f"{of}_recall": recall.tolist(), f"{of}_predicted": share.tolist()}


def by_class(model: Model, output: Any, y: Any, mask: jax.Array) -> ByClass | None:
    """The sums over a batch, padding left out where bool `mask` `[batch]` is false.

    None for a model whose output scores no classes, or more than `MOST_CLASSES` of them.
    """
    if not model.classes_from_output or output.shape[-1] > MOST_CLASSES:
        return None
    label = y if model.preparation is None else model.preparation.labels(y)
    places, classes = output.shape[:-1], output.shape[-1]
    if math.prod(jnp.shape(label)) != math.prod(places):
        return None  # They are no class numbers.
    label, guess = jnp.reshape(label, places), jnp.argmax(output, -1)
    counted = jnp.broadcast_to(mask.reshape(-1, *(1,) * (len(places) - 1)), places)
    if model.ignored_class is not None:
        counted &= label != model.ignored_class

    def count(which: jax.Array, where: jax.Array) -> jax.Array:
        hits = (which[..., None] == jnp.arange(classes)) & where[..., None]
        return jnp.sum(hits, axis=tuple(range(which.ndim)), dtype=jnp.float32)

    return ByClass(
        count(label, counted), count(label, counted & (guess == label)), count(guess, counted)
    )
