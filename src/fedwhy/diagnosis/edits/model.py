"""What can be changed in a model, whatever its front end, by wrapping its functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import jax
import jax.numpy as jnp

from fedwhy.diagnosis.edits.initial_weights import drawn_anew
from fedwhy.diagnosis.edits.own_code import advice
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.models import Model, Recipe, Weights

PyTree = Any
P = ParamSpec("P")
Changes = Callable[[Settings], tuple[Change, ...]]

# What a line says that draws initial weights.
INITIALISERS = r"initializer|init\w*=|normal\(|uniform\("
# Probabilities are kept this far from 0 and 1, as Keras does.
EPSILON = 1e-7


def logit(p: jax.Array) -> jax.Array:
    """The inverse of the sigmoid."""
    p = jnp.clip(p, EPSILON, 1 - EPSILON)
    return jnp.log(p) - jnp.log1p(-p)


LINKS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "softmax": jax.nn.softmax,
    "log_softmax": jax.nn.log_softmax,
    "sigmoid": jax.nn.sigmoid,
    "log": lambda p: jnp.log(jnp.clip(p, EPSILON, 1)),
    "logit": logit,
    "arctanh": lambda t: jnp.arctanh(jnp.clip(t, EPSILON - 1, 1 - EPSILON)),
}

# What a loss that is given `LINKS[link](output)` takes the output for.
TAKES_LOGITS = {"softmax": True, "log_softmax": True, "sigmoid": True, "log": False, "logit": False}


def edited(
    what: str, change: Callable[[Model], Model], code: str = "", changes: Changes = lambda s: ()
) -> Edit:
    """An edit of the model alone."""

    def apply(setup: Setup) -> Setup:
        return setup.changed(model=change(setup.model))

    return Edit(what, apply, changes, code)


def wrapping(
    edit: Callable[Concatenate[Model, P], Model],
) -> Callable[Concatenate[Model, P], Model]:
    """`edit`, whose models remember what it wrapped, so that this can be rebuilt within it.

    Without it, a model whose layers are changed after its initial weights were mended would begin
    with the old ones again.
    """

    @wraps(edit)
    def apply(model: Model, *args: P.args, **options: P.kwargs) -> Model:
        def again(other: Model) -> Model:
            return apply(other, *args, **options)

        made = edit(model, *args, **options)
        return replace(made, recipe=Recipe("edited", {"model": model, "edit": again}))

    return apply


@wrapping
def linked(model: Model, link: str, scores: bool = False) -> Model:
    """The model whose loss is given `LINKS[link](output)`, and so is its accuracy if `scores`."""
    function = LINKS[link]

    def of_linked(measure: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda output, y: measure(jax.tree.map(function, output), y)

    metrics = {
        name: metric._replace(measure=of_linked(metric.measure))
        if scores and name == "accuracy"
        else metric
        for name, metric in model.metrics.items()
    }
    return replace(
        model,
        loss=of_linked(model.loss),
        metrics=metrics,
        describe=lambda x: replace(model.describe(x), from_logits=TAKES_LOGITS.get(link)),
    )


def weights_anew(setup: Setup, what: str, told: str, pattern: str = INITIALISERS) -> Edit:
    """Initial weights of another scale; `told` is said of the user's own line with `pattern`."""
    return edited(what, redrawn, advice(setup, pattern, told))


@wrapping
def redrawn(model: Model) -> Model:
    """The model with initial weights of another scale, see `drawn_anew`."""

    def init(key: jax.Array, example: PyTree) -> Weights:
        weights = model.init(key, example)
        seed = int(jax.random.bits(key, (), jnp.uint32))
        return weights._replace(params=drawn_anew(weights.params, seed))

    return replace(model, init=init)


@wrapping
def unpenalised(model: Model) -> Model:
    """The model without weight penalties."""
    return replace(model, penalty=lambda params: jnp.zeros(()))


@wrapping
def without_noise(model: Model) -> Model:
    """The model that trains as it is evaluated: no dropout. Not for one that has state."""
    return model.as_evaluated()


@wrapping
def by_the_batch(model: Model) -> Model:
    """The model that is evaluated as it trains, by the statistics of each batch."""

    def apply(params: PyTree, state: PyTree, x: PyTree, key: Any, train: bool) -> Any:
        output, new = model.apply(params, state, x, jax.random.key(0) if key is None else key, True)
        return output, new if train else state

    return replace(model, apply=apply)


@wrapping
def quicker(model: Model, times: float) -> Model:
    """The model whose moving statistics move so many times as far in a step."""

    def apply(params: PyTree, state: PyTree, x: PyTree, key: Any, train: bool) -> Any:
        output, new = model.apply(params, state, x, key, train)
        return output, jax.tree.map(lambda a, b: moved(a, b, times), state, new)

    return replace(model, apply=apply)


def moved(old: jax.Array, new: jax.Array, times: float) -> jax.Array:
    """A point so many times as far from `old` as `new` is; whole numbers stay as they are."""
    return old + (new - old) * times if jnp.issubdtype(old.dtype, jnp.floating) else new


@wrapping
def read_out(model: Model, outputs: int) -> Model:
    """The model with a new, linear last layer of so many outputs on `model.features`.

    Raises `ParameterError` for a model that does not tell its features.
    """
    features = model.features
    if features is None:
        raise ParameterError("model", "does not tell what its last layer sees (features)")

    def flat(params: PyTree, state: PyTree, x: PyTree, key: Any, train: bool) -> jax.Array:
        found = features(params, state, x, key, train)
        return found.reshape(len(found), -1)

    def init(key: jax.Array, example: PyTree) -> Weights:
        params, state = model.init(key, example)
        seen = jax.eval_shape(lambda p, x: flat(p, state, x, key, False), params, example)
        kernel = jnp.zeros((seen.shape[-1], outputs))
        drawn = drawn_anew(kernel, int(jax.random.bits(key, (), jnp.uint32)))
        last = {"kernel": drawn, "bias": jnp.zeros(outputs)}
        return Weights({"model": params, "read_out": last}, state)

    def apply(params: PyTree, state: PyTree, x: PyTree, key: Any, train: bool) -> Any:
        _, new = model.apply(params["model"], state, x, key, train)
        last = params["read_out"]
        return flat(params["model"], state, x, key, train) @ last["kernel"] + last["bias"], new

    return replace(
        model,
        init=init,
        apply=apply,
        describe=lambda x: replace(
            model.describe(x), output_activation="linear", output_shape=(outputs,)
        ),
        penalty=lambda params: model.penalty(params["model"]),
        features=lambda params, *rest: features(params["model"], *rest),
        save=None,
        layers=tuple,
    )


@wrapping
def enlarged_inputs(model: Model, times: int) -> Model:
    """The model for images so many times as high and wide, to which its inputs are resized."""

    def resized(x: PyTree) -> PyTree:
        def leaf(images: Any) -> Any:
            if images.ndim != 4:
                return images
            batch, height, width, channels = images.shape
            shape = (batch, height * times, width * times, channels)
            return jax.image.resize(jnp.asarray(images, jnp.float32), shape, "bilinear")

        return jax.tree.map(leaf, x)

    def of_resized(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda params, state, x, key, train: function(params, state, resized(x), key, train)

    return replace(
        model,
        init=lambda key, example: model.init(key, jax.eval_shape(resized, example)),
        apply=of_resized(model.apply),
        describe=lambda example: model.describe(jax.eval_shape(resized, example)),
        features=model.features and of_resized(model.features),
    )
