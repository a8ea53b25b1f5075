"""The networks in plain JAX, used by FedJAX and by the centralised limit.

Weights are a list in the order and layout of `networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax

Weights = list[jax.Array]
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)  # of MobileNet's separable blocks


def convolve(x: jax.Array, kernel: jax.Array, stride: int = 1, padding: str = "VALID") -> jax.Array:
    """A convolution `[batch, height, width, channels]`."""
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=layout)


def depthwise(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """A depthwise 3x3 convolution; `kernel` `[3, 3, channels, 1]`."""
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(
        x,
        kernel.swapaxes(2, 3),
        (stride, stride),
        "SAME",
        dimension_numbers=layout,
        feature_group_count=x.shape[3],
    )


def pool(x: jax.Array) -> jax.Array:
    """2x2 max pooling by reshaping, without `reduce_window`."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def group_norm(x: jax.Array, scale: jax.Array, offset: jax.Array) -> jax.Array:
    """Group normalisation with at least 4 channels to a group."""
    n, h, w, c = x.shape
    groups = min(32, c // 4)
    grouped = x.reshape(n, h * w, groups, c // groups)
    mean = grouped.mean(axis=(1, 3), keepdims=True)
    variance = grouped.var(axis=(1, 3), keepdims=True)
    return ((grouped - mean) * lax.rsqrt(variance + 1e-3)).reshape(x.shape) * scale + offset


def cnn(w: Weights, x: jax.Array) -> jax.Array:
    """Two convolutions, a pool, two dense layers."""
    x = jax.nn.relu(convolve(x, w[0]) + w[1])
    x = pool(jax.nn.relu(convolve(x, w[2]) + w[3]))
    return jax.nn.relu(x.reshape(len(x), -1) @ w[4] + w[5]) @ w[6] + w[7]


def dense(w: Weights, x: jax.Array) -> jax.Array:
    """Dense layers with ReLU between them."""
    for kernel, offset in zip(w[:-2:2], w[1:-2:2], strict=True):
        x = jax.nn.relu(x @ kernel + offset)
    return x @ w[-2] + w[-1]


def mobilenet(w: Weights, x: jax.Array) -> jax.Array:
    """MobileNet, alpha 0.25, group normalisation."""
    rest = iter(w)

    def end(x: jax.Array) -> jax.Array:
        return jax.nn.relu6(group_norm(x, next(rest), next(rest)))

    x = end(convolve(x, next(rest), 2, "SAME"))
    for stride in STRIDES:
        x = end(depthwise(x, next(rest), stride))
        x = end(convolve(x, next(rest)))
    return x.mean(axis=(1, 2)) @ next(rest)[0, 0] + next(rest)


def lstm_layer(x: jax.Array, kernel: jax.Array, recurrent: jax.Array, offset: jax.Array):
    """An LSTM layer over `[length, batch, features]`; the inputs' products are made at once."""
    projected = x @ kernel + offset

    def step(carry: tuple[jax.Array, jax.Array], inputs: jax.Array):
        hidden, cell = carry
        gates = jnp.split(inputs + hidden @ recurrent, 4, axis=-1)
        i, f, o = (jax.nn.sigmoid(gates[k]) for k in (0, 1, 3))
        cell = f * cell + i * jnp.tanh(gates[2])
        hidden = o * jnp.tanh(cell)
        return (hidden, cell), hidden

    zero = jnp.zeros((x.shape[1], recurrent.shape[0]))
    return lax.scan(step, (zero, zero), projected)[1]


def lstm(w: Weights, x: jax.Array) -> jax.Array:
    """Characters to the next characters, logits `[batch, length, characters]`."""
    x = w[0][x.T]
    x = lstm_layer(lstm_layer(x, *w[1:4]), *w[4:7])
    return (x @ w[7] + w[8]).swapaxes(0, 1)


APPLY: dict[str, Callable[[Weights, jax.Array], jax.Array]] = {
    "cnn": cnn,
    "mlp": dense,
    "softmax": dense,
    "softmax16": dense,
    "mobilenet": mobilenet,
    "lstm": lstm,
}


def losses(network: str, weights: Weights, x: jax.Array, y: jax.Array) -> jax.Array:
    """Cross-entropy of each example, float32 `[batch]`."""
    scores = jax.nn.log_softmax(APPLY[network](weights, x))
    picked = jnp.take_along_axis(scores, y[..., None], axis=-1)[..., 0]
    return -picked.reshape(len(x), -1).mean(axis=1)
