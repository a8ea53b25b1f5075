"""The models of the healthy runs, besides those that the library has by name."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

import fedwhy as fw

import keras  # isort: skip  # after fedwhy, which has it run on JAX


def classifier(layers: Callable[[], list[Any]], ignored: int | None = None) -> fw.Model:
    """A Keras model of these layers, of which the last one gives logits of classes."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=ignored)
    return fw.Model.from_keras(lambda: keras.Sequential(layers()), loss)


def dense(*hidden: int, classes: int = 10, dropout: float = 0.0, batch_norm: bool = False):
    """Fully connected layers, each with batch normalisation or dropout behind it or not."""
    make = keras.layers

    def layers() -> list[Any]:
        found: list[Any] = [make.Flatten()]
        for units in hidden:
            found.append(make.Dense(units, activation="relu"))
            if batch_norm:
                found.append(make.BatchNormalization(momentum=0.9))
            if dropout:
                found.append(make.Dropout(dropout))
        return [*found, make.Dense(classes)]

    return classifier(layers)


def small_cnn(channels: int = 8) -> fw.Model:
    """One convolution, pooling and a dense layer."""
    make = keras.layers
    return classifier(
        lambda: [
            make.Conv2D(channels, 3, padding="same", activation="relu"),
            make.MaxPooling2D(2),
            make.Flatten(),
            make.Dense(10),
        ]
    )


def recurrent(kind: str = "GRU", units: int = 48) -> fw.Model:
    """The next character of 90, by an embedding and one recurrent layer; padding counts nowhere."""
    make = keras.layers
    return classifier(
        lambda: [
            make.Embedding(90, 16),
            getattr(make, kind)(units, return_sequences=True),
            make.Dense(90),
        ],
        ignored=0,
    )


def by_hand(inputs: int, hidden: int = 32) -> fw.Model:
    """One hidden layer for ten classes in plain JAX."""

    def init(key: Any, example: Any) -> dict[str, Any]:
        first, last = jax.random.split(key)
        return {
            "first": jax.random.normal(first, (inputs, hidden)) * (2 / inputs) ** 0.5,
            "last": jax.random.normal(last, (hidden, 10)) * hidden**-0.5,
            "bias": jnp.zeros(10),
        }

    def network(params: Any, x: Any, key: Any, train: bool) -> Any:
        seen = jnp.maximum(x.reshape(len(x), -1) @ params["first"], 0)
        return seen @ params["last"] + params["bias"]

    return fw.Model.from_functions(
        init,
        network,
        optax.softmax_cross_entropy_with_integer_labels,
        classes_from_output=True,
    )


def logistic() -> fw.Model:
    """Logistic regression of two classes in plain JAX: one number, the logit of class 1."""

    def loss(output: Any, y: Any) -> Any:
        return optax.sigmoid_binary_cross_entropy(output, y.astype(jnp.float32))

    return fw.Model.from_functions(
        init=lambda key, example: {"w": jnp.zeros(example.shape[-1]), "b": jnp.zeros(())},
        apply=lambda params, x, key, train: x @ params["w"] + params["b"],
        loss=loss,
        metrics={"accuracy": lambda output, y: ((output > 0) == (y > 0)).astype(jnp.float32)},
    )
