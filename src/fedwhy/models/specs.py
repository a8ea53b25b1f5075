"""Shapes of inputs and sizes of weights."""

import math
from collections.abc import Mapping
from typing import Any

import jax

from fedwhy.errors import ModelError
from fedwhy.models.model import Layer, PyTree


def spec(example: Any) -> PyTree:
    """`example` as `jax.ShapeDtypeStruct`s, in the dtypes that JAX would give it.

    Raises:
        ModelError: an array without a batch axis.
    """
    specs = jax.eval_shape(lambda x: x, example)
    if any(leaf.ndim == 0 for leaf in jax.tree.leaves(specs)):
        raise ModelError(
            "the inputs are a scalar; a model takes a batch [batch, ...], the batch axis first."
        )
    return specs


def shapes(example: Any) -> PyTree:
    """The shape of one example, without the batch axis: a tuple, or a pytree of tuples."""
    return jax.tree.map(lambda leaf: leaf.shape[1:], spec(example))


def size(weights: PyTree) -> int:
    """The number of scalars in a pytree of arrays, specs or variables with a `shape`."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(weights))


def output_shape(output: PyTree) -> tuple[int, ...]:
    """The shape of one example's (first) output, of a batch's output or its specs."""
    return tuple(jax.tree.leaves(output)[0].shape[1:])


def layers_by_name(params: PyTree, kinds: Mapping[str, str]) -> tuple[Layer, ...]:
    """The top level of nested `params` as layers; `kinds` maps a layer's name to its class."""
    if not isinstance(params, Mapping):
        return ()
    return tuple(
        Layer(str(name), kinds.get(str(name), ""), size(part)) for name, part in params.items()
    )
