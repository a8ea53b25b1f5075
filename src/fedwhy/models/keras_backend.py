"""Keras, imported late and on its JAX backend."""

import os
import sys
from typing import Any

from fedwhy.errors import ModelError


def use_keras() -> Any:
    """Returns the module `keras`, importing it on the JAX backend if nobody has imported it yet.

    Raises:
        ModelError: Keras was imported before on another backend, which cannot be changed.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "jax"
    import keras

    backend = keras.config.backend()
    if backend != "jax":
        raise ModelError(
            f'Keras was imported on its "{backend}" backend, and fedwhy needs "jax": set the '
            "environment variable KERAS_BACKEND=jax, or import fedwhy before keras."
        )
    return keras
