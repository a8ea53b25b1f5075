"""`Passes`: a batch through a model, forward and backward, compiled quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.models import Model, Weights

PyTree = Any

# These programs run a few times only: how fast they compile matters, how fast they run does not.
QUICK: dict[str, Any] = {"xla_backend_optimization_level": 0}


class Pass(NamedTuple):
    """What a training step would see: `loss` and `penalty` scalars, and of `loss` the gradient."""

    loss: jax.Array
    penalty: jax.Array
    output: PyTree
    state: PyTree
    gradient: PyTree
    penalty_gradient: jax.Array


class Passes(NamedTuple):
    """A model's functions for batches of one shape.

    - `train(weights, x, y, key) -> Pass`
    - `evaluate(weights, x, y) -> (output, losses)`, `losses` float32 `[batch]`
    """

    train: Callable[..., Pass]
    evaluate: Callable[..., tuple[PyTree, jax.Array]]


def passes(model: Model, weights: Weights, x: PyTree, y: Any, key: jax.Array) -> Passes:
    """The passes of `model` for batches like `x` and `y`."""

    def train(weights: Weights, x: PyTree, y: Any, key: jax.Array) -> Pass:
        def objective(params: PyTree) -> tuple[jax.Array, tuple[PyTree, PyTree]]:
            output, state = model.apply(params, weights.state, x, key, True)
            return jnp.mean(model.loss(output, y)), (output, state)

        (loss, (output, state)), gradient = jax.value_and_grad(objective, has_aux=True)(
            weights.params
        )
        penalty, of_penalty = jax.value_and_grad(model.penalty)(weights.params)
        squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(of_penalty)]
        return Pass(loss, penalty, output, state, gradient, jnp.sqrt(sum(squares)))

    def evaluate(weights: Weights, x: PyTree, y: Any) -> tuple[PyTree, jax.Array]:
        output, _ = model.apply(*weights, x, None, False)
        return output, model.loss(output, y)

    return Passes(
        jax.jit(train).lower(weights, x, y, key).compile(compiler_options=QUICK),
        jax.jit(evaluate).lower(weights, x, y).compile(compiler_options=QUICK),
    )
