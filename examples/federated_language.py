"""The language of federated computations, from a mean to federated averaging.

A value is either at the clients, one each, or at the server. Types say which, the verbs (`map`,
`broadcast`, `mean`, ...) move between the two, and a mistake is an error when the computation is
written, not after an hour of training.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import fedwhy.federated as ff
from fedwhy.errors import PlacementError

# 1. Which share of all readings was over a threshold? Clients send one number and its weight.


@ff.federated_computation(
    ff.at_clients(jnp.float32), ff.at_clients(jnp.int32), ff.at_server(jnp.float32)
)
def share_over(temperature, readings, threshold):
    over = ff.map(lambda t, limit: jnp.float32(t > limit), temperature, ff.broadcast(threshold))
    return ff.mean(over, weight=readings)


temperatures, readings = jnp.array([68.0, 70.5, 71.3]), jnp.array([10, 20, 50])
print(share_over.type_signature)
print(f"over 70 degrees: {share_over(temperatures, readings, 70.0):.3f}\n")

# 2. A mistake: the mean of what the server has already. Both signatures are shown.

try:

    @ff.federated_computation(ff.at_server(jnp.float32))
    def confused(threshold):
        return ff.mean(threshold)

except PlacementError as error:
    print(f"{error}\n")

# 3. Federated averaging of a linear regression: every client has 20 points of its own.


class Linear(NamedTuple):
    """A model, or its types."""

    weights: Any
    bias: Any


class Points(NamedTuple):
    """Examples, or their types."""

    x: Any
    y: Any


def loss(model, points):
    return jnp.mean((points.x @ model.weights + model.bias - points.y) ** 2)


def train(model, points):
    """Ten steps of gradient descent at one client."""

    def step(_, model):
        return jax.tree.map(lambda w, g: w - 0.05 * g, model, jax.grad(loss)(model, points))

    return jax.lax.fori_loop(0, 10, step, model)


MODEL = ff.at_server(Linear(ff.tensor(jnp.float32, 3), ff.tensor(jnp.float32)))
POINTS = ff.at_clients(Points(ff.tensor(jnp.float32, 20, 3), ff.tensor(jnp.float32, 20)))


@ff.federated_computation(MODEL, POINTS)
def federated_averaging(model, points):
    everywhere = ff.broadcast(model)
    before = ff.mean(ff.map(loss, everywhere, points))
    return ff.mean(ff.map(train, everywhere, points)), before


random = np.random.default_rng(0)
x = random.normal(size=(8, 20, 3)).astype(np.float32)
y = (x @ [2.0, -1.0, 0.5] + 3 + random.normal(scale=0.1, size=(8, 20))).astype(np.float32)
model, points = Linear(jnp.zeros(3), 0.0), Points(x, y)

print(federated_averaging.type_signature)
for number in range(5):
    model, before = federated_averaging(model, points)
    print(f"round {number}: loss {before:.4f}")
print(f"weights {model.weights}, bias {model.bias:.2f} (the truth: 2, -1, 0.5 and 3)")

# 4. It is JAX all the way: the gradient of what a round returns, to the model it started from.

gradient = jax.grad(lambda model: federated_averaging(model, points)[1])(model)
print(f"gradient at the end: {np.linalg.norm(gradient.weights):.4f}")
