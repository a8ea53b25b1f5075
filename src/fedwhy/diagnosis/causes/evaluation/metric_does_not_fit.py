"""FW501: an accuracy that does not say which share of the labels is predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.data import DataFacts
from fedwhy.diagnosis.facts.labels import NUMBERS, ONE_HOT
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Metric
from fedwhy.models.model import mean_metric

EXAMPLES = 64
CLEAR = 5.0  # A logit that leaves no doubt.
WRONG = 0.05


class Trial(NamedTuple):
    """Outputs `[examples, ...]` that are right for the labels `y`, and such that are wrong."""

    y: np.ndarray
    right: np.ndarray
    wrong: np.ndarray


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where right outputs do not score 1, or wrong ones not 0."""
    data, model = evidence.data, evidence.setup.model
    name = next((n for n in model.metrics if n in ("accuracy", "acc")), None)
    trial = None if name is None else trial_of(data)
    if name is None or trial is None:
        return None
    good, bad = (value(model.metrics[name], o, trial.y) for o in (trial.right, trial.wrong))
    if good > 1 - WRONG and bad < WRONG:
        return None
    continuous, taken = data.labels.form == NUMBERS, evidence.model.taken
    threshold = 0.5 if taken is not None and taken.scale == "probabilities" else 0.0
    return Suspicion(
        why=f"the metric {name} gives {good:.2f} for outputs that are right, and {bad:.2f} for "
        "outputs that are all wrong" + (": targets are no classes" if continuous else ""),
        confidence=0.9,
        evidence={"metric": name, "of_right_outputs": good, "of_wrong_outputs": bad},
        prescription=no_accuracy(name) if continuous else class_accuracy(name, threshold),
        severity=Severity.warning,
    )


def trial_of(data: DataFacts) -> Trial | None:
    """Right and wrong outputs, as the loss tells; None where it cannot tell them apart."""
    labels, clients = data.labels, data.setup.clients
    if data.description is None or labels.outside.any() or data.not_finite.any():
        return None
    shape = data.description.output_shape
    y = clients.y[np.linspace(0, len(clients) - 1, min(EXAMPLES, len(clients))).astype(int)]
    if labels.form == NUMBERS:
        near = np.asarray(y, np.float32).reshape(len(y), *shape) if y[0].size == size(shape) else y
        return Trial(y, near * 1.001 + 1e-3, near + 10 * (1 + np.abs(near)))
    numbers = np.asarray(y.argmax(-1) if labels.form == ONE_HOT else y)
    if numbers.ndim != 1 or len(shape) != 1:
        return None
    low, high = (0.01, 0.99) if data.description.from_logits is False else (-CLEAR, CLEAR)
    classes = max(shape[0], 2)
    if numbers.max(initial=0) >= classes:
        return None
    right, wrong = (np.eye(classes)[(numbers.astype(int) + by) % classes] for by in (0, 1))
    if shape[0] == 1:
        right, wrong = right[:, 1:], wrong[:, 1:]
    trial = Trial(y, *((low + (high - low) * o).astype(np.float32) for o in (right, wrong)))
    try:
        losses = jax.eval_shape(data.setup.model.loss, trial.right, y)
    except Exception:  # Whatever the user's own loss raises of labels that it is not made for.
        return None
    if losses.shape != (len(y),):
        return None
    better, worse = (float(np.mean(data.setup.model.loss(o, y))) for o in trial[1:])
    return trial if better < worse else None


def size(shape: tuple[int, ...]) -> int:
    """How many numbers an array of this shape holds."""
    return int(np.prod(shape))


def value(metric: Metric, output: Any, y: Any) -> float:
    """The metric of a batch."""
    total = jax.tree.map(lambda a: jnp.sum(a, axis=0), metric.measure(output, y))
    return float(metric.finalize(total, jnp.float32(len(y))))


def class_accuracy(name: str, threshold: float) -> Edit:
    """The share of examples whose class has the highest output, of a single one by `threshold`."""

    def hit(output: Any, y: Any) -> jax.Array:
        wide = y.ndim > 1 and y.shape[-1] > 1
        given = jnp.argmax(y, -1) if wide else jnp.reshape(y, (len(y),))
        if output.shape[-1] == 1:
            return (output[:, 0] > threshold) == (given > 0)
        return (jnp.argmax(output, -1) == given).astype(jnp.float32)

    return with_metrics(
        "the accuracy of classes",
        lambda metrics: {**metrics, name: mean_metric(hit)},
        "metrics=[keras.metrics.SparseCategoricalAccuracy()]  # CategoricalAccuracy() for one-hot",
    )


def no_accuracy(name: str) -> Edit:
    """No accuracy, for there are no classes."""
    return with_metrics(
        "the loss as the score",
        lambda metrics: {n: m for n, m in metrics.items() if n != name},
        "metrics=[keras.metrics.MeanAbsoluteError()]",
    )


def with_metrics(what: str, change: Any, code: str) -> Edit:
    """The model with other metrics."""

    def apply(setup: Setup) -> Setup:
        metrics: Mapping[str, Metric] = change(setup.model.metrics)
        return setup.changed(model=replace(setup.model, metrics=metrics))

    return Edit(what, apply, code=code)


CAUSE = Cause("FW501", "The accuracy does not fit the labels", suspect)
