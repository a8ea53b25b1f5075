"""Keras losses and metrics as per-example functions."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.errors import ModelError
from fedwhy.models.keras_backend import use_keras
from fedwhy.models.keras_names import unique_names
from fedwhy.models.model import Metric, mean_metric
from fedwhy.models.scoring import Score, average, check_per_example


def as_loss(loss: Any) -> Any:
    """Returns a `keras.losses.Loss`: `loss`, or the class of the Keras function it names.

    Raises:
        ModelError: `loss` is neither.
    """
    keras = use_keras()
    try:
        found = keras.losses.get(loss)
    except ValueError as error:
        raise ModelError(f"unknown loss {loss!r}; {_USE_LOSS}") from error
    name = getattr(found, "__name__", "")
    if name and getattr(keras.losses, name, None) is found:
        camel = "".join(word.capitalize() for word in name.split("_"))
        found = getattr(keras.losses, camel, lambda: found)()
    if not isinstance(found, keras.losses.Loss):
        raise ModelError(f"{loss!r} is not a Keras loss; {_USE_LOSS}")
    return found


_USE_LOSS = (
    "give an instance of a class in keras.losses, for example "
    "keras.losses.SparseCategoricalCrossentropy(from_logits=True), or of your own subclass of "
    "keras.losses.Loss."
)


def is_sparse(loss: Any) -> bool:
    """Whether targets are class numbers and outputs score the classes."""
    return isinstance(loss, use_keras().losses.SparseCategoricalCrossentropy)


def loss_per_example(loss: Any) -> Score:
    """`loss` before its reduction, averaged over any axes after the batch: float32 `[batch]`.

    Targets of an `ignore_class` do not count.
    """
    sparse = is_sparse(loss)

    def per_example(output: Any, y: Any) -> jax.Array:
        def cast(a: Any) -> jax.Array:
            return jnp.asarray(a, loss.dtype)

        # Keras casts targets too; class numbers are left whole, a float16 would round them.
        y = jax.tree.map(jnp.asarray if sparse else cast, y)
        values = loss.call(y, jax.tree.map(cast, output))
        check_per_example(f'the loss "{loss.name}"', values, y)
        return average(values, getattr(values, "_keras_mask", None))

    return per_example


def as_metrics(metrics: Iterable[Any], loss: Any) -> dict[str, Metric]:
    """Names and `Metric`s of Keras `metrics`; without any, accuracy where `loss` has classes.

    Raises:
        ModelError: one of `metrics` is no sum over examples.
    """
    metrics = list(metrics)
    if not metrics:
        accuracy = _accuracy(loss)
        return {"accuracy": mean_metric(accuracy)} if accuracy else {}
    for metric in metrics:
        _check(metric)
    return dict(zip(unique_names(metrics), map(_as_metric, metrics), strict=True))


def _as_metric(metric: Any) -> Metric:
    """The variables of a Keras metric after one example, which add up over examples."""
    zero = [np.zeros(tuple(v.shape), v.dtype) for v in metric.variables]

    def one(output: Any, y: Any) -> list[jax.Array]:
        output, y = jax.tree.map(lambda a: jnp.asarray(a)[None], (output, y))
        return metric.stateless_update_state([jnp.asarray(z) for z in zero], y, output)

    def finalize(total: Any, count: jax.Array) -> jax.Array:
        return jnp.asarray(metric.stateless_result(total), jnp.float32)

    return Metric(jax.vmap(one), finalize, zero)


def _check(metric: Any) -> None:
    if not isinstance(metric, use_keras().metrics.Metric):
        raise ModelError(
            f"{metric!r} is not a Keras metric; give instances of classes in keras.metrics, for "
            "example keras.metrics.SparseCategoricalAccuracy()."
        )
    if not metric.variables:
        raise ModelError(
            f'the metric "{metric.name}" makes its variables when it first sees examples; call '
            f"metric.update_state(y, output) on zeros of the right shapes once, and then "
            "metric.reset_state(), before it is given to the model."
        )
    starts_at_zero = all(not np.any(np.asarray(v.value)) for v in metric.variables)
    if not starts_at_zero or any(v.aggregation != "sum" for v in metric.variables):
        raise ModelError(
            f'the metric "{metric.name}" is not a sum over examples that starts at zero, and '
            "cannot be added up over clients; use another, or write a fedwhy.Metric."
        )
    result = jax.eval_shape(metric.stateless_result, [v.value for v in metric.variables])
    if getattr(result, "shape", None) != ():
        raise ModelError(
            f'the metric "{metric.name}" does not give one number; average it over its classes.'
        )


def _accuracy(loss: Any) -> Score | None:
    """Accuracy per example for a crossentropy on classes, or None for another loss."""
    losses = use_keras().losses

    def sparse(output: jax.Array, y: jax.Array) -> jax.Array:
        target = jnp.reshape(y, output.shape[:-1])
        ignored = getattr(loss, "ignore_class", None)
        valid = None if ignored is None else target != ignored
        return average(jnp.argmax(output, -1) == target, valid)

    def categorical(output: jax.Array, y: jax.Array) -> jax.Array:
        return average(jnp.argmax(output, -1) == jnp.argmax(y, -1))

    def binary(output: jax.Array, y: jax.Array) -> jax.Array:
        threshold = 0.0 if loss.from_logits else 0.5
        return average((output > threshold) == (jnp.reshape(y, output.shape) > 0.5))

    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return sparse
    if isinstance(loss, losses.CategoricalCrossentropy):
        return categorical
    return binary if isinstance(loss, losses.BinaryCrossentropy) else None
