"""Models made again from the function that builds them, with layers of them changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fedwhy.diagnosis.edits.model import linked
from fedwhy.errors import ParameterError
from fedwhy.models import Model
from fedwhy.models.networks import groups, with_group_normalization

# What a loss that takes this makes of logits.
LINK = {"probabilities": "softmax", "log_probabilities": "log_softmax"}


def of_zoo(model: Model, **options: Any) -> Model:
    """The model of the zoo that `Model.from_zoo` makes of these, prepared as `model` is."""
    made = Model.from_zoo(**options)
    return made if model.preparation is None else made.prepared(model.preparation)


def with_loss_of(made: Model, model: Model, scale: str) -> Model:
    """A model that gives logits, with the loss of `model`, which takes `scale`."""
    kept = replace(made, loss=model.loss, metrics=model.metrics)
    return linked(kept, LINK[scale]) if scale in LINK else kept


def grouped(model: Model) -> Model:
    """The model with group normalisation in place of batch normalisation."""
    recipe = model.recipe
    if recipe is not None and recipe.front == "zoo":
        return of_zoo(model, **(recipe.arguments | {"normalization": "group"}))
    return rebuilt(model, with_group_normalization, _grouped_flax)


def without_dropout(model: Model) -> Model:
    """The model whose dropout layers drop nothing."""
    recipe = model.recipe
    if recipe is not None and recipe.front == "zoo":
        return of_zoo(model, **(recipe.arguments | {"dropout": 0.0}))
    return rebuilt(model, _undropped_keras, _undropped_flax)


def rectified(model: Model) -> Model:
    """The model with ReLUs where hidden layers have sigmoids or the like (Keras models)."""

    def keras(built: Any) -> Any:
        from keras.activations import relu

        layers = list(built._flatten_layers(include_self=False))
        bounded = [layer for layer in layers[:-1] if _bounded(layer)]
        if not bounded:
            raise ParameterError("model", "has no hidden layer of sigmoids")
        for layer in bounded:
            layer.activation = relu
        return built

    return rebuilt(model, keras, None)


def unfrozen(model: Model) -> Model:
    """The model all of whose layers are trained."""

    def keras(built: Any) -> Any:
        built.trainable = True
        for layer in built._flatten_layers():
            layer.trainable = True
        return built

    return rebuilt(model, keras, None)


def rebuilt(
    model: Model, keras: Callable[[Any], Any] | None, flax: Callable[[Any], Any] | None
) -> Model:
    """The model made again, where what the user's function built is changed by one of these.

    Losses, metrics and preparation stay. Raises `ParameterError` for a model of which no such
    function is known, or none that can be changed.
    """
    recipe = model.recipe
    if recipe is not None and recipe.front == "keras" and keras is not None:
        made = _keras(recipe.arguments["build"], recipe.arguments["loss"], keras)
    elif recipe is not None and recipe.front == "flax" and flax is not None:
        made = _flax(recipe.arguments, flax)
    else:
        raise ParameterError("model", "is made of functions of your own, which you must change")
    made = made if model.preparation is None else made.prepared(model.preparation)
    return replace(made, loss=model.loss, metrics=model.metrics)


def _keras(build: Callable[[], Any], loss: Any, change: Callable[[Any], Any]) -> Model:
    from fedwhy.models.keras_model import keras_model

    def builder(shape: Any) -> Any:
        built = build()
        if not built.built:
            built.build((None, *shape))
        return change(built)

    return keras_model(builder, loss, ())


def _flax(arguments: dict[str, Any], change: Callable[[Any], Any]) -> Model:
    build = arguments["build"]
    return Model.from_flax(
        lambda rngs: change(build(rngs)), arguments["loss"], features=arguments["features"]
    )


def _bounded(layer: Any) -> bool:
    """Whether it is a layer whose outputs a sigmoid bounds; recurrent ones are built on theirs."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    plain = type(layer).__name__.startswith(("Dense", "Conv", "Activation"))
    return plain and name in ("sigmoid", "hard_sigmoid", "tanh", "softsign")


def _undropped_keras(built: Any) -> Any:
    for layer in built._flatten_layers():
        if "Dropout" in type(layer).__name__:
            layer.rate = 0.0
    return built


def _undropped_flax(module: Any) -> Any:
    from flax import nnx

    for _, part in nnx.iter_modules(module):
        if isinstance(part, nnx.Dropout):
            part.rate = 0.0
    return module


def _grouped_flax(module: Any) -> Any:
    from flax import nnx

    for _, part in list(nnx.iter_modules(module)):
        for name, value in list(vars(part).items()):
            if isinstance(value, nnx.BatchNorm):
                channels = value.num_features
                setattr(part, name, nnx.GroupNorm(channels, groups(channels), rngs=nnx.Rngs(0)))
    return module
