"""`Model`: any front end as a handful of pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.errors import ModelError

if TYPE_CHECKING:
    import keras
    from flax import nnx

PyTree = Any


class Weights(NamedTuple):
    """All that a model has learned.

    `params` is trained by gradient; `state` is not (moving statistics of batch normalisation).
    Both are pytrees of arrays.
    """

    params: PyTree
    state: PyTree


class Metric(NamedTuple):
    """A quantity that is a sum over examples, finished at the server.

    `measure(output, y)` returns a pytree of arrays `[batch, ...]`; the sum of it over examples
    and clients is `total`. `finalize(total, count)` turns that sum over `count` examples into a
    float32 scalar. `zero` is the total of no example: it has the structure and shapes of `total`.
    """

    measure: Callable[[Any, Any], PyTree]
    finalize: Callable[[PyTree, jax.Array], jax.Array]
    zero: PyTree = np.float32(0)


def mean_metric(per_example: Callable[[Any, Any], jax.Array]) -> Metric:
    """The mean of `per_example(output, y) -> [batch]` over all examples."""
    return Metric(per_example, lambda total, count: total / jnp.maximum(count, 1))


class Layer(NamedTuple):
    """One layer as diagnosis sees it: its name, its class and its number of parameters."""

    name: str
    kind: str
    parameters: int


class LayerParams(NamedTuple):
    """A layer with trained variables of its own: its class, and their paths in `Weights.params`."""

    kind: str
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """What is known of a model without running it on data.

    `output_activation` and `from_logits` are None where the front end does not tell.
    `output_shape` is the shape of one example's output.
    """

    name: str
    parameters: int
    layers: tuple[Layer, ...]
    output_shape: tuple[int, ...]
    output_activation: str | None = None
    loss: str = "loss"
    from_logits: bool | None = None
    normalization: tuple[str, ...] = ()


class Recipe(NamedTuple):
    """The call that made a model, so that it can be made again with one thing changed.

    `front` is `"keras"`, `"flax"`, `"functions"` or `"zoo"`, or `"edited"` for a model that a
    diagnosis has wrapped, whose `edit(model)` is made of `model`; other `arguments` are those of
    `Model.from_...` that say what it computes, by name. A Keras model has its `builder(shape)`,
    too, which is given the shape of one example.
    """

    front: str
    arguments: dict[str, Any]


class Prepares(Protocol):
    """What is done to a batch before the model, as `fedwhy.Preparation` does it."""

    def inputs(self, x: PyTree) -> PyTree:
        """The inputs, prepared."""
        ...

    def labels(self, y: Any) -> Any:
        """The targets, prepared."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        ...


@dataclass(frozen=True, repr=False)
class Model:
    """A model as pure functions, made from Keras, Flax, plain functions, or by hand.

    `x` and `y` are a batch's inputs and targets, arrays (or pytrees of arrays) with the batch
    axis first; `example` is such an `x`, or its `jax.ShapeDtypeStruct`s, with any batch size.

    - `init(key, example) -> Weights`
    - `apply(params, state, x, key, train) -> (output, state)`; `key` feeds dropout and the like,
      and `train` is a Python bool
    - `loss(output, y) -> float32[batch]`
    - `penalty(params) -> float32[]`, what weight regularisers add to the mean loss
    - `metrics`: name to `Metric`
    - `describe(example) -> Description`
    - `classes_from_output`: True where `output[..., c]` scores class `c` and `y` holds class
      numbers, so that labels and outputs can be checked against each other
    - `ignored_class`: a label besides these whose examples count nowhere, or None
    - `save(path, weights)` writes the front end's own file (its suffix is `save_suffix`), or None
    - `preparation`: what `prepared` put before the model, or None
    - `features(params, state, x, key, train) -> [batch, ...]`, the representation of the inputs
      that the last layer sees, or None where the front end does not tell
    - `layers() -> tuple[LayerParams, ...]`, in the order in which inputs pass them; known once
      `init` has run, and empty where the front end does not tell
    - `recipe`: how it was made; None for one made by hand
    """

    init: Callable[..., Weights]
    apply: Callable[..., tuple[Any, PyTree]]
    loss: Callable[[Any, Any], jax.Array]
    describe: Callable[[Any], Description]
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    penalty: Callable[[PyTree], jax.Array] = lambda params: jnp.zeros(())
    classes_from_output: bool = False
    ignored_class: int | None = None
    save: Callable[[Any, Weights], None] | None = None
    save_suffix: str = ""
    preparation: Prepares | None = None
    features: Callable[..., Any] | None = None
    layers: Callable[[], tuple[LayerParams, ...]] = tuple
    recipe: Recipe | None = None

    def __repr__(self) -> str:
        recipe = self.recipe or Recipe("by hand", {})
        told = [recipe.front, *filter(None, [recipe.arguments.get("name")])]
        prepared = ", prepared" if self.preparation else ""
        return f"Model({' '.join(map(str, told))}{prepared})"

    def in_last_layer(self, path: str) -> bool:
        """Whether a parameter, given by its path, belongs to the last layer that has any.

        A filter, for `LocalSGD(trainable=model.in_last_layer)`. Raises `ModelError` where the model
        does not tell its layers, as one of plain functions.
        """
        return path in self._layers()[-1].paths

    def in_normalization(self, path: str) -> bool:
        """Whether a parameter, given by its path, belongs to a normalisation layer.

        These are the layers whose class is called `...Normalization` or `...Norm`. Raises
        `ModelError` where the model has none, or does not tell its layers.
        """
        layers = self._layers()
        found = [layer for layer in layers if layer.kind.endswith(("Normalization", "Norm"))]
        if not found:
            kinds = ", ".join(dict.fromkeys(layer.kind for layer in layers))
            raise ModelError(
                "the model has no normalisation layer with parameters, such as "
                f"BatchNormalization; its layers with parameters are {kinds}"
            )
        return any(path in layer.paths for layer in found)

    def _layers(self) -> tuple[LayerParams, ...]:
        layers = self.layers()
        if not layers:
            raise ModelError(
                "the model does not tell which layers it has, as those from Keras and Flax do; "
                'name parameters by their paths instead, such as "head/*"'
            )
        return layers

    def prepared(self, preparation: Prepares) -> Model:
        """Returns this model for raw examples: whatever it does begins with `preparation`.

        Training, evaluation and `Run.predict` prepare their batches alike, inside the compiled
        program, so that the data stays in memory as it is. The file that `save` writes is that of
        the model alone, for prepared inputs.

        Raises:
            ModelError: the model has a preparation already.
            ParameterError: `preparation` is none, such as a step alone.
        """
        from fedwhy.models.prepared import prepared_model

        return prepared_model(self, preparation)

    def as_evaluated(self) -> Model:
        """Returns this model, which in training computes what it computes in evaluation."""

        def apply(params: PyTree, state: PyTree, x: PyTree, key: Any, train: bool) -> Any:
            return self.apply(params, state, x, key, False)

        return replace(self, apply=apply)

    @staticmethod
    def from_keras(
        build: Callable[[], keras.Model],
        loss: keras.losses.Loss | str | Callable[[Any, Any], Any],
        metrics: Iterable[keras.metrics.Metric | str | Callable[[Any, Any], Any]] = (),
    ) -> Model:
        """Returns the Keras model that `build()` makes anew at each call.

        The model need not be built: it is, for the input that it is given. Weights that `build`
        loads itself are kept; all others are drawn from the key of `init`. Losses and metrics may
        be given by name or as functions `f(y, output)`, as in Keras. A crossentropy on classes
        comes with the metric `"accuracy"`.

        Weight regularisers (`kernel_regularizer`) add to what training minimises, by `penalty`;
        recorded losses are those of the examples alone, without them.

        Weights that no gradient trains (moving statistics, frozen layers) are `state`. Dropout
        and other randomness draw from the `key` of `apply`.

        `features` is the input of the last layer with weights, for models whose layers Keras has
        as a graph (`Sequential`, functional).

        ```python
        model = Model.from_keras(
            lambda: keras.Sequential([keras.layers.Dense(10)]),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        ```

        Raises:
            ModelError: Keras runs on another backend than JAX, `build` is no function, `loss` is
                no Keras loss, or a metric is no sum over examples. `init` and `apply` raise it
                for an input that the model cannot take, for a `build` that returns the same model
                again, for weight constraints, and for losses added by `add_loss` or an activity
                regulariser.
        """
        from fedwhy.models.keras_model import builder, keras_model

        shaped = builder(build)
        given = {"build": build, "builder": shaped, "loss": loss}
        return replace(keras_model(shaped, loss, metrics), recipe=Recipe("keras", given))

    @staticmethod
    def from_functions(
        init: Callable[[jax.Array, Any], PyTree],
        apply: Callable[[PyTree, Any, jax.Array | None, bool], Any],
        loss: Callable[[Any, Any], jax.Array],
        metrics: Mapping[str, Metric | Callable[[Any, Any], jax.Array]] | None = None,
        classes_from_output: bool = False,
        features: Callable[[PyTree, Any, jax.Array | None, bool], Any] | None = None,
    ) -> Model:
        """Returns a model of plain JAX functions; one with `state` is a `Model(...)` itself.

        - `init(key, example) -> params`
        - `apply(params, x, key, train) -> output`
        - `loss(output, y) -> [batch, ...]`, averaged over all axes but the first
        - `metrics`: name to a function of the same form, or to a `Metric`
        - `classes_from_output`: whether `output[..., c]` scores class `c` and `y` holds class
          numbers; labels are then checked, and `"accuracy"` is recorded
        - `features(params, x, key, train) -> [batch, ...]`, what the last layer sees

        ```python
        model = Model.from_functions(
            init=lambda key, example: {"w": jnp.zeros((example.shape[-1], 10))},
            apply=lambda params, x, key, train: x @ params["w"],
            loss=optax.softmax_cross_entropy_with_integer_labels,
            classes_from_output=True,
        )
        ```
        """
        from fedwhy.models.functions import functions_model

        model = functions_model(init, apply, loss, metrics, classes_from_output, features)
        given = {"init": init, "apply": apply, "loss": loss}
        return replace(model, recipe=Recipe("functions", given))

    @staticmethod
    def from_flax(
        build: Callable[[nnx.Rngs], nnx.Module],
        loss: Callable[[Any, Any], jax.Array],
        metrics: Mapping[str, Metric | Callable[[Any, Any], jax.Array]] | None = None,
        classes_from_output: bool = False,
        features: Callable[[Any, Any], Any] | None = None,
    ) -> Model:
        """Returns the Flax NNX module that `build(rngs)` makes; it is called as `module(x)`.

        `nnx.Param`s are trained; all other variables (batch statistics) are `state`. Dropout
        draws from the `key` of `apply`, and `train` chooses `module.train()` or `module.eval()`.
        `loss`, `metrics` and `classes_from_output` are as for `from_functions`;
        `features(module, x) -> [batch, ...]` is what the last layer sees, such as
        `lambda module, x: module.encoder(x)`.

        Raises:
            ModelError: Flax is not installed, or `build` is no function.
        """
        from fedwhy.models.flax_model import flax_model

        model = flax_model(build, loss, metrics, classes_from_output, features)
        given = {"build": build, "loss": loss, "features": features}
        return replace(model, recipe=Recipe("flax", given))

    @staticmethod
    def from_zoo(name: str, classes: int = 10, **options: Any) -> Model:
        """Returns the model called `name` in `ZOO`; regression has no use for `classes`.

        Raises:
            ParameterError: `ZOO` has no such model, the model no such option, or the option not
                such a value.
        """
        from fedwhy.models.zoo import zoo_model

        model = zoo_model(name, classes, **options)
        given = {"name": name, "classes": classes, **options}
        return replace(model, recipe=Recipe("zoo", given))
