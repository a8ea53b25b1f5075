"""Models made again from the function that builds them, with layers of them changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fedwhy.diagnosis.edits.model import linked, read_out
from fedwhy.errors import FedwhyError, ParameterError
from fedwhy.models import Model
from fedwhy.models.networks import groups, with_group_normalization
from fedwhy.models.zoo import zoo_model

# What a loss that takes this makes of logits.
LINK = {"probabilities": "softmax", "log_probabilities": "log_softmax"}


def of_zoo(model: Model, **options: Any) -> Model:
    """The model of the zoo that `Model.from_zoo` makes of these, prepared as `model` is."""
    made = Model.from_zoo(**options)
    return made if model.preparation is None else made.prepared(model.preparation)


def with_loss_of(made: Model, model: Model, scale: str) -> Model:
    """A model that gives logits, with the loss of `model`, which takes `scale` before any edit."""
    kept = replace(made, loss=innermost(model).loss, metrics=model.metrics)
    return linked(kept, LINK[scale]) if scale in LINK else kept


def innermost(model: Model) -> Model:
    """The model that edits have wrapped; one that is not wrapped is that itself."""
    recipe = model.recipe
    while recipe is not None and recipe.front == "edited":
        model = recipe.arguments["model"]
        recipe = model.recipe
    return model


def front(model: Model) -> str | None:
    """The front end that a model is of, whatever edits have wrapped it; None for one by hand."""
    recipe = innermost(model).recipe
    return None if recipe is None else recipe.front


def within(model: Model, change: Callable[[Model], Model]) -> Model:
    """`change` of the innermost model, wrapped by the same edits again."""
    recipe = model.recipe
    if recipe is None or recipe.front != "edited":
        return change(model)
    made = recipe.arguments["edit"](within(recipe.arguments["model"], change))
    return replace(made, loss=model.loss, metrics=model.metrics)


def grouped(model: Model) -> Model:
    """The model with group normalisation in place of batch normalisation."""

    def change(model: Model) -> Model:
        recipe = model.recipe
        if recipe is not None and recipe.front == "zoo":
            return of_zoo(model, **(recipe.arguments | {"normalization": "group"}))
        return rebuilt(model, in_place(with_group_normalization), _grouped_flax)

    return within(model, change)


def without_normalisation(model: Model) -> Model:
    """The model without its batch normalisation."""

    def nothing(layer: Any, shape: Any, last: bool) -> Any:
        import keras

        normal = isinstance(layer, keras.layers.BatchNormalization)
        return keras.layers.Identity() if normal else None

    if front(model) == "flax":
        return rebuilt(model, None, _plain_flax)
    return relayered(model, nothing, "has no batch normalisation")


def remembering(model: Model, momentum: float) -> Model:
    """The model whose batch normalisation has at most this momentum."""

    def keras(built: Any) -> Any:
        for layer in built._flatten_layers():
            if type(layer).__name__ == "BatchNormalization":
                layer.momentum = min(layer.momentum, momentum)
        return built

    def flax(module: Any) -> Any:
        from flax import nnx

        for _, part in nnx.iter_modules(module):
            if isinstance(part, nnx.BatchNorm):
                part.momentum = min(part.momentum, momentum)
        return module

    return rebuilt(model, in_place(keras), flax)


def without_dropout(model: Model) -> Model:
    """The model whose dropout layers drop nothing."""

    def change(model: Model) -> Model:
        recipe = model.recipe
        if recipe is not None and recipe.front == "zoo":
            return of_zoo(model, **(recipe.arguments | {"dropout": 0.0}))
        return rebuilt(model, in_place(_undropped_keras), _undropped_flax)

    return within(model, change)


def rectified(model: Model) -> Model:
    """The model with ReLUs where hidden layers have sigmoids or the like (Keras models).

    Their initial weights are those that He et al. 2015 draw for ReLUs: a variance of 2 / inputs
    keeps the size of signals, of which a ReLU cuts half away.
    """

    def anew(layer: Any, shape: Any, last: bool) -> Any:
        if last or not _bounded(layer):
            return None
        draws = {"kernel_initializer": "he_normal"} if hasattr(layer, "kernel_initializer") else {}
        return _again(layer, activation="relu", **draws)

    return relayered(model, anew, "has no hidden layer of sigmoids")


def unfrozen(model: Model) -> Model:
    """The model all of whose layers are trained."""

    def keras(built: Any) -> Any:
        built.trainable = True
        for layer in built._flatten_layers():
            layer.trainable = True
        return built

    return rebuilt(model, in_place(keras), None)


def with_logits(model: Model, outputs: int) -> Model:
    """The model without the activation of its last layer; not a Keras model: a new last layer."""

    def anew(layer: Any, shape: Any, last: bool) -> Any:
        import keras

        if last and type(layer).__name__ in ("ReLU", "Softmax", "Activation"):
            return keras.layers.Identity()
        bounded = last and getattr(layer, "activation", None) not in (
            None,
            keras.activations.linear,
        )
        return _again(layer, activation="linear") if bounded else None

    if front(model) not in ("keras", "zoo"):
        return read_out(model, outputs)
    return relayered(model, anew, "ends in no activation")


def resized_layers(model: Model, size: Callable[[int], int]) -> Model:
    """The same Keras model, with `size(units)` units in each hidden dense layer.

    Channels of convolutions stay: their cost is that of a layer times the pixels.
    """

    def anew(layer: Any, shape: Any, last: bool) -> Any:
        units: Any = getattr(layer, "units", None)
        if last or type(layer).__name__ != "Dense" or size(units) == units:
            return None
        return _again(layer, units=size(units))

    return relayered(model, anew, "has no hidden dense layer of another size")


def small_poolings(model: Model) -> Model:
    """The same Keras model, whose poolings leave a quarter of the pixels, not a single one."""

    def anew(layer: Any, shape: Any, last: bool) -> Any:
        size = getattr(layer, "pool_size", None)
        if size is None or shape is None:
            return None
        given = shape[-3:-1] if layer.data_format == "channels_last" else shape[-2:]
        if len(given) != len(size):
            return None
        if not any(s >= max(g, 3) for s, g in zip(size, given, strict=True)):
            return None
        fits = tuple(min(2, g) for g in given)
        return _again(layer, pool_size=fits, strides=fits)

    return relayered(model, anew, "has no pooling that leaves a single pixel")


def relayered(model: Model, change: Callable[[Any, Any, bool], Any], unfit: str) -> Model:
    """A Keras model made of new layers, `change(layer, shape, last)`, or alike where that is None.

    `shape` is that of the layer's inputs; `last` says that it is the last one with a kernel, or
    behind it. Raises `ParameterError` with `unfit`, once it is built, where no layer is changed.
    """

    def keras(built: Any, shape: Any) -> Any:
        changed: list[Any] = []

        def again(layer: Any, shape: Any, last: bool) -> Any:
            new = change(layer, shape, last)
            changed.extend(() if new is None else (new,))
            return _again(layer) if new is None else new

        made = _layer_by_layer(built, shape, again)
        if not changed:
            raise ParameterError("model", unfit)
        return made

    return rebuilt(model, keras, None)


def in_place(change: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """`change(built)` of a built Keras model, whose weights it keeps."""

    def of(made: Any, shape: Any) -> Any:
        if not made.built:
            made.build((None, *shape))
        return change(made)

    return of


def rebuilt(
    model: Model, keras: Callable[[Any, Any], Any] | None, flax: Callable[[Any], Any] | None
) -> Model:
    """The model made again, where what the user's function built is changed by one of these.

    `keras(made, shape)` is also given the shape of an example. Losses, metrics, preparation and
    the edits around it stay. Raises `ParameterError` for a model of which no such function is
    known, or none that can be changed.
    """

    def change(model: Model) -> Model:
        recipe = model.recipe
        if recipe is not None and recipe.front == "zoo":
            recipe = zoo_model(**recipe.arguments).recipe
        if recipe is not None and recipe.front == "keras" and keras is not None:
            made = _keras(recipe.arguments["builder"], recipe.arguments["loss"], keras)
        elif recipe is not None and recipe.front == "flax" and flax is not None:
            made = _flax(recipe.arguments, flax)
        else:
            raise ParameterError("model", "is made of functions of your own, which you must change")
        made = made if model.preparation is None else made.prepared(model.preparation)
        return replace(made, loss=model.loss, metrics=model.metrics)

    return within(model, change)


def _keras(build: Callable[[Any], Any], loss: Any, change: Callable[[Any, Any], Any]) -> Model:
    from fedwhy.models.keras_model import keras_model

    def builder(shape: Any) -> Any:
        made = build(shape)
        try:
            return change(made, shape)
        except FedwhyError:
            raise
        except Exception as error:  # Whatever the user's own layers raise.
            raise ParameterError("model", f"cannot be changed so: {error}") from error

    return keras_model(builder, loss, ())


def _layer_by_layer(made: Any, shape: Any, again: Callable[[Any, Any, bool], Any]) -> Any:
    """The Keras model of the layers `again(layer, shape, last)` of a model's."""
    import keras

    kernels = [n for n, layer in enumerate(made.layers) if hasattr(layer, "kernel_initializer")]
    behind = made.layers[kernels[-1] :] if kernels else []
    if isinstance(made, keras.Sequential):
        x: Any = keras.Input(shape)
        layers: list[Any] = []
        for layer in made.layers:
            layers.append(again(layer, x.shape, layer in behind))
            x = layers[-1](x)
        return keras.Sequential(layers, name=made.name)

    def anew(layer: Any) -> Any:
        return again(layer, getattr(layer.input, "shape", None), layer in behind)

    def call(layer: Any, *inputs: Any, **ignored: Any) -> Any:
        return layer(*inputs)  # Other layers take no mask, which the graph has recorded.

    return keras.models.clone_model(made, clone_function=anew, call_function=call)


def _again(layer: Any, **changes: Any) -> Any:
    """A new Keras layer like this one, with `changes` of its configuration."""
    return type(layer).from_config({**layer.get_config(), **changes})


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

    return _exchanged_flax(
        module, lambda count: nnx.GroupNorm(count, groups(count), rngs=nnx.Rngs(0))
    )


def _plain_flax(module: Any) -> Any:
    from flax import nnx

    # What drops nothing gives what it is given; a function in a module's place is no module.
    return _exchanged_flax(module, lambda channels: nnx.Dropout(0.0))


def _exchanged_flax(module: Any, make: Callable[[int], Any]) -> Any:
    """The module with `make(channels)` in place of each batch normalisation."""
    from flax import nnx

    for _, part in list(nnx.iter_modules(module)):
        for name, value in list(vars(part).items()):
            if isinstance(value, nnx.BatchNorm):
                setattr(part, name, make(value.num_features))
    return module
