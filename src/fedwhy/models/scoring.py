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


def checked(name: str, score: Score, output: Any, y: Any) -> jax.Array:
    """`score(output, y)`; raises `ModelError` unless only its first axis is the batch."""
    values = score(output, y)
    batch = jax.tree.leaves(y)[0].shape[0]
    if jnp.ndim(values) == 0 or values.shape[0] != batch:
        raise ModelError(
            f"{name} must give one value for each of the batch's {batch} examples, but gave an "
            f"array of shape {jnp.shape(values)}; leave out the mean or sum over the batch."
        )
    if batch in values.shape[1:]:
        # Outputs [batch, 1] against targets [batch] broadcast to [batch, batch]. An axis that only
        # happens to be as long as the batch stays as it is when the batch grows.
        wider = jax.eval_shape(score, *(_with_batch(tree, batch + 1) for tree in (output, y)))
        if wider.shape[1:] != values.shape[1:]:
            raise ModelError(
                f"{name} compares every example with every other: it gave an array of shape "
                f"{values.shape} for {batch} examples, with outputs {_shapes(output)} and targets "
                f"{_shapes(y)}. Give output and target the same shape."
            )
    return values


def _with_batch(tree: Any, batch: int) -> Any:
    """The shapes of `tree` with another batch size; scalars have none."""
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((batch, *a.shape[1:]) if a.ndim else (), a.dtype),
        jax.eval_shape(lambda t: t, tree),
    )


def _shapes(tree: Any) -> str:
    return ", ".join(str(jnp.shape(leaf)) for leaf in jax.tree.leaves(tree))


def per_example(name: str, score: Score) -> Score:
    """`score(output, y) -> [batch, ...]`, checked and averaged to float32 `[batch]`."""

    def scored(output: Any, y: Any) -> jax.Array:
        return average(checked(name, score, output, y))

    return scored


def class_accuracy(ignored_class: int | None = None) -> Score:
    """Accuracy float32 `[batch]` of `output[..., c]`, which scores class `c`, on class numbers."""

    def accuracy(output: jax.Array, y: jax.Array) -> jax.Array:
        target = jnp.reshape(y, output.shape[:-1])
        valid = None if ignored_class is None else target != ignored_class
        return average(jnp.argmax(output, -1) == target, valid)

    return accuracy


def as_metrics(
    metrics: Mapping[str, Metric | Score] | None, classes_from_output: bool
) -> dict[str, Metric]:
    """Turns the per-example functions among `metrics` into means over examples.

    Where outputs score classes, `accuracy` is among them.
    """
    found = {
        name: metric
        if isinstance(metric, Metric)
        else mean_metric(per_example(f'the metric "{name}"', metric))
        for name, metric in (metrics or {}).items()
    }
    if classes_from_output:
        found.setdefault("accuracy", mean_metric(class_accuracy()))
    return found
