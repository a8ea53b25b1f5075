"""Keras losses and metrics as per-example functions."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.errors import ModelError
from fedwhy.models.keras_backend import use_keras
from fedwhy.models.keras_names import unique_names
from fedwhy.models.model import Metric, mean_metric
from fedwhy.models.scoring import Score, average, checked, class_accuracy


def as_loss(loss: Any) -> Any:
    """Returns a `keras.losses.Loss`: `loss`, or what makes one of a name or a function `f(y, p)`.

    Raises:
        ModelError: `loss` is none of these.
    """
    keras = use_keras()
    try:
        found = keras.losses.get(loss)
    except (TypeError, ValueError) as error:
        raise ModelError(f"unknown loss {loss!r}; {_USE_LOSS}") from error
    if found is None or isinstance(loss, keras.metrics.Metric):
        raise ModelError(f"{loss!r} is not a Keras loss; {_USE_LOSS}")
    if isinstance(found, keras.losses.Loss):
        return found
    return _loss_class(found) or _wrapped_loss(found)


_USE_LOSS = (
    "give an instance of a class in keras.losses, for example "
    "keras.losses.SparseCategoricalCrossentropy(from_logits=True), its name, a function "
    "f(y, output), or an instance of your own subclass of keras.losses.Loss."
)


def _loss_class(function: Any) -> Any:
    """An instance of the class in `keras.losses` for one of its functions, or None.

    Keras writes the one kl_divergence and the other KLDivergence.
    """
    losses = use_keras().losses
    name = getattr(function, "__name__", "")
    if getattr(losses, name, None) is not function:
        return None
    classes = {n.lower(): c for n, c in vars(losses).items() if isinstance(c, type)}
    found = classes.get(name.replace("_", ""))
    return found() if found else None


def _wrapped_loss(function: Any) -> Any:
    """A function `f(y, output)` as `model.compile(loss=f)` takes it."""
    from keras.src.losses.losses import LossFunctionWrapper

    return LossFunctionWrapper(function, name=_name(function))


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__).replace("<lambda>", "function")


def is_sparse(loss: Any) -> bool:
    """Whether targets are class numbers and outputs score the classes."""
    return isinstance(loss, use_keras().losses.SparseCategoricalCrossentropy)


def ignored_class(loss: Any) -> int | None:
    """The class number whose examples do not count, or None."""
    return getattr(loss, "ignore_class", None) if is_sparse(loss) else None


def loss_per_example(loss: Any) -> Score:
    """`loss` before its reduction, averaged over any axes after the batch: float32 `[batch]`.

    Targets of an `ignore_class` do not count.
    """
    sparse, ignored = is_sparse(loss), ignored_class(loss)

    def call(output: Any, y: Any) -> jax.Array:
        return loss.call(y, output)

    def per_example(output: Any, y: Any) -> jax.Array:
        def cast(a: Any) -> jax.Array:
            return jnp.asarray(a, loss.dtype)

        # Keras casts targets too; class numbers are left whole, a float16 would round them.
        y = jax.tree.map(jnp.asarray if sparse else cast, y)
        values = checked(f'the loss "{loss.name}"', call, jax.tree.map(cast, output), y)
        # Keras notes on the values which of them count, but not on those of a compiled program.
        valid = None if ignored is None else jnp.reshape(y, jnp.shape(values)) != ignored
        return average(values, valid)

    return per_example


def as_metrics(metrics: Iterable[Any], loss: Any) -> dict[str, Metric]:
    """Names and `Metric`s of Keras `metrics`, and accuracy where `loss` has classes.

    As in Keras, a metric may be given by name, or as a function `f(y, output)`.

    Raises:
        ModelError: one of `metrics` is no sum over examples.
    """
    if isinstance(metrics, str | Mapping) or not isinstance(metrics, Iterable):
        raise ModelError(f"metrics: expected a list of Keras metrics, given {metrics!r}.")
    accuracy = _accuracy(loss)
    own = [m for m in metrics if not (accuracy and m in ("accuracy", "acc"))]
    found = [_found(metric) for metric in own]
    for metric in found:
        _check(metric)
    result = dict(zip(unique_names(found), map(_as_metric, found), strict=True))
    if accuracy:
        result.setdefault("accuracy", mean_metric(accuracy))
    return result


def _found(metric: Any) -> Any:
    """A Keras metric: `metric` itself, the one that it names, or the mean of a function."""
    metrics = use_keras().metrics
    if metric in ("accuracy", "acc"):
        raise ModelError(
            f"the metric {metric!r} is known for crossentropy losses only; give an instance of a "
            "class, for example keras.metrics.BinaryAccuracy()."
        )
    try:
        found = metrics.get(metric)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{metric!r} is not a Keras metric; {_USE_METRIC}") from error
    if isinstance(found, metrics.Metric) or not callable(found):
        return found
    return metrics.MeanMetricWrapper(found, name=_name(found))


_USE_METRIC = (
    "give instances of classes in keras.metrics, for example "
    "keras.metrics.SparseCategoricalAccuracy(), names of them, or functions f(y, output)."
)


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
        raise ModelError(f"{metric!r} is not a Keras metric; {_USE_METRIC}")
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
    try:
        result = jax.eval_shape(metric.stateless_result, [v.value for v in metric.variables])
    except Exception as error:
        raise ModelError(
            f'the metric "{metric.name}" cannot be computed from sums over examples alone '
            f"({type(error).__name__}: {error}); use another, or write a fedwhy.Metric."
        ) from error
    if getattr(result, "shape", None) != ():
        raise ModelError(
            f'the metric "{metric.name}" does not give one number; average it over its classes.'
        )


def _accuracy(loss: Any) -> Score | None:
    """Accuracy per example for a crossentropy on classes, or None for another loss."""
    losses = use_keras().losses

    def categorical(output: jax.Array, y: jax.Array) -> jax.Array:
        return average(jnp.argmax(output, -1) == jnp.argmax(y, -1))

    def binary(output: jax.Array, y: jax.Array) -> jax.Array:
        threshold = 0.0 if loss.from_logits else 0.5
        return average((output > threshold) == (jnp.reshape(y, output.shape) > 0.5))

    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return class_accuracy(ignored_class(loss))
    if isinstance(loss, losses.CategoricalCrossentropy):
        return categorical
    return binary if isinstance(loss, losses.BinaryCrossentropy) else None
