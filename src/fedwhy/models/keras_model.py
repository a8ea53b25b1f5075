"""A Keras model as a `Model`."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from fedwhy.errors import ModelError
from fedwhy.models import keras_build, keras_describe, keras_scoring, specs
from fedwhy.models.keras_backend import use_keras
from fedwhy.models.keras_build import Built
from fedwhy.models.model import Description, LayerParams, Model, PyTree, Recipe, Weights


def keras_model(build: Callable[[Any], Any], loss: Any, metrics: Iterable[Any]) -> Model:
    """See `Model.from_keras`; `build(shape)` is given the shape of one example (or a pytree)."""
    keras_loss = keras_scoring.as_loss(loss)
    front = KerasFront(build, keras_loss)
    return Model(
        init=front.init,
        apply=front.apply,
        loss=keras_scoring.loss_per_example(keras_loss),
        describe=front.describe,
        metrics=keras_scoring.as_metrics(metrics, keras_loss),
        penalty=front.penalty,
        classes_from_output=keras_scoring.is_sparse(keras_loss),
        ignored_class=keras_scoring.ignored_class(keras_loss),
        save=front.save,
        save_suffix=".keras",
        features=front.features,
        layers=front.layers,
        recipe=Recipe("keras", {"builder": build, "loss": loss}),
    )


def builder(build: Callable[[], Any]) -> Callable[[Any], Any]:
    """`build()` as a builder for any shape; raises `ModelError` where it is no function."""
    if isinstance(build, use_keras().Model) or not callable(build):
        raise ModelError(
            f"build must be a function that makes the model, given {type(build).__name__}; "
            "write Model.from_keras(lambda: keras.Sequential([...]), ...)."
        )
    return lambda shape: build()


@dataclass(frozen=True, eq=False)
class KerasFront:
    """The functions of a `Model` over one Keras builder.

    `built` holds one Keras model for each shape and dtype of input. It serves as structure only:
    the values of its variables are replaced in every call.
    """

    builder: Callable[[Any], Any]
    keras_loss: Any
    built: dict[Any, Built] = field(default_factory=dict)

    def init(self, key: jax.Array, example: Any) -> Weights:
        """Weights of a newly built model, a function of `key` alone."""
        if isinstance(key, Tracer):
            raise ModelError(
                "init of a Keras model draws its weights in Python and needs a concrete key; "
                "call it outside of jax.jit, jax.vmap and jax.eval_shape over the key."
            )
        seed = int(jax.random.bits(key, (), jnp.uint32))
        new = keras_build.build(self.builder, example, seed)
        self.built.setdefault(_signature(example), new)
        return new.weights()

    def apply(
        self, params: PyTree, state: PyTree, x: Any, key: jax.Array | None, train: bool
    ) -> tuple[Any, PyTree]:
        """Output and new state; a pure function, also of `key`."""
        built = self._built(x)
        values = built.match(Weights(params, state)) + _seeds(built, key, train)
        scope = use_keras().StatelessScope(state_mapping=values, collect_losses=True)
        with scope:
            output = built.model(x, training=train)
        if scope.losses:
            raise ModelError(
                f'the Keras model "{built.model.name}" adds to its loss (activity_regularizer or '
                "add_loss), which federated training does not support; regularise weights "
                "instead, with kernel_regularizer, or remove it."
            )
        if any(getattr(leaf, "_keras_mask", None) is not None for leaf in jax.tree.leaves(output)):
            raise ModelError(
                f'the Keras model "{built.model.name}" masks its output (mask_zero or Masking), '
                "which the loss would not see; leave the mask out and give the loss an "
                "ignore_class."
            )
        if train:
            state = {name: scope.get_current_value(v) for name, v in built.state.items()}
        return output, state

    def features(
        self, params: PyTree, state: PyTree, x: Any, key: jax.Array | None, train: bool
    ) -> Any:
        """The input of the last layer that has weights, `[batch, ...]`."""
        built = self._built(x)
        values = built.match(Weights(params, state)) + _seeds(built, key, train)
        with use_keras().StatelessScope(state_mapping=values):
            return built.encoder()(x, training=train)

    def penalty(self, params: PyTree) -> jax.Array:
        """What the weight regularisers add to the mean loss, float32 scalar."""
        if not self.built:
            raise ModelError("penalty is known only once init or apply has built the model.")
        variables = next(iter(self.built.values())).params
        terms = [v.regularizer(params[n]) for n, v in variables.items() if v.regularizer]
        return jnp.asarray(sum(terms, jnp.zeros(())), jnp.float32)

    def describe(self, example: Any) -> Description:
        """What is known of the model for inputs like `example`."""
        built = self._built(example)
        output, _ = jax.eval_shape(
            lambda w, x: self.apply(w.params, w.state, x, None, False),
            jax.eval_shape(built.weights),
            specs.spec(example),
        )
        return keras_describe.describe(built, self.keras_loss, specs.output_shape(output))

    def layers(self) -> tuple[LayerParams, ...]:
        """The layers with trained weights of their own, known once the model is built."""
        if not self.built:
            raise ModelError("layers are known only once init or apply has built the model.")
        return keras_describe.layer_params(next(iter(self.built.values())))

    def save(self, path: str | os.PathLike, weights: Weights) -> None:
        """Writes `path`, whose suffix is `.keras`, whole or not at all."""
        path = Path(path)
        if path.suffix != ".keras":
            raise ModelError(f'Keras loads models from files named "*.keras" only, given "{path}".')
        if not self.built:
            raise ModelError("there is nothing to save before init or apply has built the model.")
        built = next(iter(self.built.values()))
        partial = path.with_name(f".{path.stem}.{os.getpid()}.partial.keras")
        try:
            with built.holding(weights):
                built.model.save(partial)
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _built(self, x: Any) -> Built:
        signature = _signature(x)
        if signature not in self.built:
            self.built[signature] = keras_build.build(self.builder, x, seed=0)
        return self.built[signature]


def _signature(x: Any) -> Any:
    """What a built model depends on: structure, shapes without batch, and dtypes of `x`."""
    leaves, structure = jax.tree.flatten(specs.spec(x))
    return structure, tuple((leaf.shape[1:], leaf.dtype.name) for leaf in leaves)


def _seeds(built: Built, key: jax.Array | None, train: bool) -> list[tuple[Any, jax.Array]]:
    """Pairs of a random generator's variable and its value, drawn from `key`."""
    if key is None:
        if train and built.seeds:
            raise ModelError(
                f'the Keras model "{built.model.name}" draws random numbers (dropout) while '
                "training: apply needs a key."
            )
        return [(v, v.value) for v in built.seeds]
    return [
        (v, jax.random.bits(jax.random.fold_in(key, i), tuple(v.shape), v.dtype))
        for i, v in enumerate(built.seeds)
    ]
