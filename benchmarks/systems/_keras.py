"""The networks in Keras, for fedwhy (Keras 3) and TFF (Keras 2); `keras` is handed in."""

from __future__ import annotations

from typing import Any


def build(keras: Any, network: str) -> Any:
    """A new Keras model that gives logits."""
    layers = keras.layers
    if network == "cnn":
        return keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(10),
            ]
        )
    if network == "mobilenet":
        return mobilenet(keras)
    if network == "lstm":
        return keras.Sequential(
            [
                keras.Input((80,), dtype="int32"),
                layers.Embedding(90, 8),
                layers.LSTM(256, return_sequences=True),
                layers.LSTM(256, return_sequences=True),
                layers.Dense(90),
            ]
        )
    hidden = [layers.Dense(200, activation="relu") for _ in range(2)] if network == "mlp" else []
    features = 16 if network == "softmax16" else 784
    return keras.Sequential([keras.Input((features,)), *hidden, layers.Dense(10)])


def mobilenet(keras: Any) -> Any:
    """MobileNet, alpha 0.25, group normalisation."""
    layers = keras.layers

    def end(channels: int) -> list[Any]:
        norm = layers.GroupNormalization(min(32, channels // 4), epsilon=1e-3)
        return [norm, layers.ReLU(6.0)]

    def conv(channels: int, size: int, stride: int) -> Any:
        return layers.Conv2D(channels, size, stride, padding="same", use_bias=False)

    plan = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)]
    plan += [(128, 1)] * 5 + [(256, 2), (256, 1)]
    stack, inputs = [keras.Input((32, 32, 1)), conv(8, 3, 2), *end(8)], 8
    for outputs, stride in plan:
        stack += [layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False), *end(inputs)]
        stack += [conv(outputs, 1, 1), *end(outputs)]
        inputs = outputs
    stack += [layers.GlobalAveragePooling2D(keepdims=True), layers.Conv2D(10, 1), layers.Flatten()]
    return keras.Sequential(stack)
