"""`Outputs`: what a model's outputs look like, and `Taken`: what its loss takes them for.

Both are found by behaviour, so that they hold for any front end: activations by the outputs at
initial and at far larger weights, losses by comparing them with the closed forms of crossentropy.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.models import Description, Model

KNOWN = ("softmax", "log_softmax", "sigmoid", "tanh", "relu")
NEAR = 1e-3


class Outputs(NamedTuple):
    """A batch's outputs at the initial weights, in evaluation.

    - `activation`: one of `KNOWN`, or `"linear"`
    - `count`: how many numbers score one thing (the last axis)
    - `least`, `most`: the range of the values; `spread`: their standard deviation over examples
    - `reached`: the range at far larger weights, where they saturate
    """

    activation: str
    count: int
    least: float
    most: float
    spread: float
    reached: tuple[float, float]


class Taken(NamedTuple):
    """What the loss takes outputs for.

    `scale` is `"logits"`, `"probabilities"` or `"log_probabilities"`; `binary` says whether each
    output is a yes or no of its own, instead of one class among all. `chance` is the loss of
    guessing without looking: `ln(classes)`, or `ln 2`.
    """

    scale: str
    binary: bool
    chance: float


def outputs(output: Any, saturated: Any, described: Description | None) -> Outputs | None:
    """Describes outputs `[batch, ...]`, and those at larger weights; None for several arrays."""
    leaves = jax.tree.leaves(output)
    if len(leaves) != 1:
        return None
    o, s = (np.asarray(jax.tree.leaves(tree)[0], np.float64) for tree in (output, saturated))
    told = described.output_activation if described else None
    return Outputs(
        activation=told if told in (*KNOWN, "linear") else activation(o, s),
        count=o.shape[-1] if o.ndim > 1 else 1,
        least=float(o.min()),
        most=float(o.max()),
        spread=float(o.std(axis=0).mean()),
        reached=(float(s.min()), float(s.max())),
    )


def activation(o: np.ndarray, s: np.ndarray) -> str:
    """The last activation, by outputs `o` `[batch, ...]` and those at larger weights, `s`."""
    if not np.isfinite(o).all():
        return "linear"
    several = o.ndim > 1 and o.shape[-1] > 1
    if several and o.min() >= 0 and np.allclose(o.sum(-1), 1, atol=NEAR):
        return "softmax"
    if several and o.max() <= 0 and np.allclose(np.exp(o).sum(-1), 1, atol=NEAR):
        return "log_softmax"
    if not np.isfinite(s).all():
        return "linear"
    both = np.concatenate([o.ravel(), s.ravel()])
    if both.min() >= 0 and both.max() <= 1 and np.mean((s < 0.01) | (s > 0.99)) > 0.5:
        return "sigmoid" if s.max() > 0.99 else "linear"
    if np.abs(both).max() <= 1 + NEAR and np.mean(np.abs(s) > 0.99) > 0.5:
        return "tanh"
    if both.min() >= 0 and np.mean(s == 0) > 0.05 and s.max() > 0:
        return "relu"
    return "linear"


def taken(model: Model, output: Any, y: Any, labels: np.ndarray, told: bool | None) -> Taken | None:
    """What `model.loss` takes outputs like `output` for, tried on made-up ones.

    `y` are the targets of the batch, `labels` the same as the loss sees them; `told` is what the
    front end says of logits, for losses of no closed form (weighted, smoothed). None for a loss
    that is no crossentropy.
    """
    leaves, structure = jax.tree.flatten(output)
    if len(leaves) != 1:
        return None
    shape, targets = np.shape(leaves[0]), np.asarray(labels)
    z, loss = np.random.default_rng(0).normal(size=shape), jax.jit(model.loss)

    def is_loss(made_up: np.ndarray, expected: np.ndarray) -> bool:
        given = loss(jax.tree.unflatten(structure, [made_up.astype(np.float32)]), y)
        return np.allclose(given, expected.reshape(len(z), -1).mean(axis=1), rtol=1e-2, atol=1e-3)

    chosen = as_distribution(targets, shape)
    if chosen is not None:
        chance = float(np.log(shape[-1]))
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        expected = -(chosen * log_p).sum(-1)
        if is_loss(np.exp(log_p), expected) and not is_loss(z, expected):
            return Taken("probabilities", False, chance)
        if is_loss(log_p, expected):
            shifts = is_loss(z + 1, expected)
            return Taken("logits" if shifts else "log_probabilities", False, chance)
    yes = as_yes_or_no(targets, shape)
    if yes is not None:
        expected = np.logaddexp(0, z) - yes * z
        for scale, made_up in (("logits", z), ("probabilities", 1 / (1 + np.exp(-z)))):
            if is_loss(made_up, expected):
                return Taken(scale, True, float(np.log(2)))
    if told is None or (chosen is None and yes is None):
        return None
    scale, binary = "logits" if told else "probabilities", chosen is None
    return Taken(scale, binary, float(np.log(2 if binary else shape[-1])))


def as_distribution(targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Targets as probabilities of the classes, in `shape` `[batch, ..., classes]`, if they are."""
    if len(shape) < 2 or shape[-1] < 2:
        return None
    if targets.size == np.prod(shape[:-1]) and np.all(targets == np.floor(targets)):
        numbers = targets.reshape(shape[:-1]).astype(np.int64)
        inside = numbers.min() >= 0 and numbers.max() < shape[-1]
        return np.eye(shape[-1])[numbers] if inside else None
    if targets.shape == shape and targets.min() >= 0 and np.allclose(targets.sum(-1), 1, atol=NEAR):
        return targets
    return None


def as_yes_or_no(targets: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Targets from 0 to 1 in the shape of the outputs, if there is one for each of them."""
    if targets.size != np.prod(shape) or targets.min() < 0 or targets.max() > 1:
        return None
    return targets.reshape(shape)
