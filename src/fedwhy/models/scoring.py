"""Per-example losses and metrics, whatever the front end."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.errors import ModelError
from fedwhy.models.model import Metric, mean_metric

Score = Callable[[Any, Any], jax.Array]


def average(values: jax.Array, valid: jax.Array | None = None) -> jax.Array:
    """The mean of `values` `[batch, ...]` over all axes but the first, float32 `[batch]`.

    `valid` bool `[batch, ...]` says which values count; an example with none has mean zero.
    """
    values = jnp.asarray(values, jnp.float32)
    axes = tuple(range(1, values.ndim))
    if valid is None:
        return jnp.mean(values, axes)
    total = jnp.sum(jnp.where(valid, values, 0), axes)
    return total / jnp.maximum(jnp.sum(valid, axes), 1)


def check_per_example(name: str, values: jax.Array, y: Any) -> None:
    """Raises `ModelError` unless `values` has the batch axis of the targets `y`."""
    batch = jax.tree.leaves(y)[0].shape[0]
    if jnp.ndim(values) == 0 or values.shape[0] != batch:
        raise ModelError(
            f"{name} must give one value for each of the batch's {batch} examples, but gave an "
            f"array of shape {jnp.shape(values)}; leave out the mean or sum over the batch."
        )


def per_example(name: str, score: Score) -> Score:
    """`score(output, y) -> [batch, ...]`, checked and averaged to float32 `[batch]`."""

    def scored(output: Any, y: Any) -> jax.Array:
        values = score(output, y)
        check_per_example(name, values, y)
        return average(values)

    return scored


def as_metrics(metrics: Mapping[str, Metric | Score] | None) -> dict[str, Metric]:
    """Turns the per-example functions among `metrics` into means over examples."""
    return {
        name: metric
        if isinstance(metric, Metric)
        else mean_metric(per_example(f'the metric "{name}"', metric))
        for name, metric in (metrics or {}).items()
    }
