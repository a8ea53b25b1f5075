"""The networks: shapes of their weights, first weights, and operations per example.

The order and layout are Keras's, which every system converts from: convolutions
`[height, width, in, out]`, depthwise ones `[height, width, in, 1]`, dense layers `[in, out]`,
LSTM kernels `[in, 4 units]` with the gates input, forget, cell, output.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CHARACTERS = 90  # as in Reddi et al. 2021: 86 characters, padding, begin, end, unknown


class Layer(NamedTuple):
    """Weights of one layer; `macs` multiply-accumulates in matrix products for one example."""

    shapes: tuple[tuple[int, ...], ...]
    kind: str
    macs: int


def dense(inputs: int, outputs: int, times: int = 1) -> Layer:
    """A dense layer, applied `times` times to each example."""
    return Layer(((inputs, outputs), (outputs,)), "dense", inputs * outputs * times)


def conv(size: int, inputs: int, outputs: int, side: int, bias: bool = True) -> Layer:
    """A convolution whose output is `side` x `side`."""
    kernel = (size, size, inputs, outputs)
    return Layer(
        (kernel, (outputs,)) if bias else (kernel,), "conv", int(np.prod(kernel)) * side**2
    )


def depthwise(channels: int, side: int) -> Layer:
    """A 3x3 depthwise convolution whose output is `side` x `side`."""
    return Layer(((3, 3, channels, 1),), "depthwise", 9 * channels * side**2)


def norm(channels: int) -> Layer:
    """Group normalisation: scale and offset."""
    return Layer(((channels,), (channels,)), "norm", 0)


def lstm(inputs: int, units: int, length: int) -> Layer:
    """An LSTM layer over sequences of `length`."""
    shapes = ((inputs, 4 * units), (units, 4 * units), (4 * units,))
    return Layer(shapes, "lstm", (inputs + units) * 4 * units * length)


def mobilenet(channels: int = 1, side: int = 32, classes: int = 10) -> list[Layer]:
    """MobileNet (Howard et al. 2017, table 1) with a quarter of its channels and group norm."""
    side //= 2
    layers, inputs = [conv(3, channels, 8, side, bias=False), norm(8)], 8
    for outputs, stride in mobilenet_blocks():
        side //= stride
        layers += [depthwise(inputs, side), norm(inputs)]
        layers += [conv(1, inputs, outputs, side, bias=False), norm(outputs)]
        inputs = outputs
    return [*layers, conv(1, inputs, classes, 1)]


def mobilenet_blocks() -> list[tuple[int, int]]:
    """Output channels and stride of MobileNet's 13 separable blocks at alpha 0.25."""
    full = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
    full += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
    return [(outputs // 4, stride) for outputs, stride in full]


NETWORKS: dict[str, list[Layer]] = {
    "cnn": [conv(3, 1, 32, 26), conv(3, 32, 64, 24), dense(12 * 12 * 64, 128), dense(128, 10)],
    "mlp": [dense(784, 200), dense(200, 200), dense(200, 10)],
    "softmax": [dense(784, 10)],
    "softmax16": [dense(16, 10)],
    "mobilenet": mobilenet(),
    "lstm": [
        Layer(((CHARACTERS, 8),), "embedding", 0),
        lstm(8, 256, 80),
        lstm(256, 256, 80),
        dense(256, CHARACTERS, times=80),
    ],
}


def flops(network: str) -> int:
    """Floating-point operations to train on one example: 2 a multiply-add, 3 passes.

    The passes are forward, gradient of inputs, gradient of weights; the first layer's needless
    input gradient is counted too, and everything but matrix products is not.
    """
    return sum(layer.macs for layer in NETWORKS[network]) * 2 * 3


def first_weights(network: str, seed: int = 0) -> list[np.ndarray]:
    """Glorot-uniform kernels, offsets of 0, scales of 1, a forget gate's offset of 1."""
    rng = np.random.default_rng(seed)
    return [
        first_weight(rng, layer.kind, index, shape)
        for layer in NETWORKS[network]
        for index, shape in enumerate(layer.shapes)
    ]


def first_weight(
    rng: np.random.Generator, kind: str, index: int, shape: tuple[int, ...]
) -> np.ndarray:
    """The first value of a layer's weight number `index`."""
    if kind == "norm":
        return (np.ones if index == 0 else np.zeros)(shape, np.float32)
    if len(shape) == 1:
        offset = np.zeros(shape, np.float32)
        if kind == "lstm":
            units = shape[0] // 4
            offset[units : 2 * units] = 1
        return offset
    field = int(np.prod(shape[:-2]))
    bound = np.sqrt(6 / (field * (shape[-2] + shape[-1])))
    return rng.uniform(-bound, bound, shape).astype(np.float32)
