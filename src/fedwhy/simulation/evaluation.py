"""Evaluation of one model on examples and on clients."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.algorithms import Tally
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.models import Model, Weights

BATCH_SIZE = 512


class Scores(NamedTuple):
    """Loss and metrics by name, as Python floats.

    `weighted` counts every example alike, `unweighted` every client alike.
    """

    weighted: dict[str, float]
    unweighted: dict[str, float]


class Evaluator:
    """Evaluates weights of `model` on `data`; compiled once, the data sent to the device once."""

    def __init__(self, model: Model, data: Dataset | FederatedDataset):
        self.model = model
        self.clients = data.clients if isinstance(data, FederatedDataset) else 1
        owner = data.owner if isinstance(data, FederatedDataset) else np.zeros(len(data), np.int32)
        examples = jax.tree.leaves(data.y)[0].shape[0]
        self.batch = min(BATCH_SIZE, examples)
        rows = np.arange(-(-examples // self.batch) * self.batch).reshape(-1, self.batch)
        self.batches = [(jnp.minimum(r, examples - 1), jnp.asarray(r < examples)) for r in rows]
        self.arrays = jax.device_put((data.x, data.y, owner))
        self._add = jax.jit(self._add_batch)
        self._finish = jax.jit(self._scores)

    def __call__(self, weights: Weights) -> Scores:
        """Scores of `weights` on all clients of the data."""
        zero = Tally.zero(self.model)
        tally = jax.tree.map(lambda a: jnp.zeros((self.clients, *a.shape), a.dtype), zero)
        for rows, mask in self.batches:
            tally = self._add(tally, weights, self.arrays, rows, mask)
        weighted, unweighted = jax.device_get(self._finish(tally))
        return Scores(*({k: float(v) for k, v in s.items()} for s in (weighted, unweighted)))

    def _add_batch(self, tally: Tally, weights: Weights, arrays, rows, mask) -> Tally:
        x, y, owner = jax.tree.map(lambda a: a[rows], arrays)
        output, _ = self.model.apply(*weights, x, None, False)
        measured = Tally(
            jnp.ones(rows.shape, jnp.float32),
            self.model.loss(output, y),
            {name: metric.measure(output, y) for name, metric in self.model.metrics.items()},
        )

        def add(total: jax.Array, values: jax.Array) -> jax.Array:
            keep = mask.reshape(mask.shape + (1,) * (values.ndim - 1))
            return total.at[owner].add(jnp.where(keep, values, 0).astype(total.dtype))

        return jax.tree.map(add, tally, measured)

    def _scores(self, tally: Tally):
        """(weighted, unweighted) scores of a tally `[clients, ...]`."""
        total = jax.tree.map(lambda a: jnp.sum(a, axis=0), tally)
        each = jax.vmap(lambda one: scores(self.model, one))(tally)
        return scores(self.model, total), jax.tree.map(jnp.mean, each)


def scores(model: Model, tally: Tally) -> dict[str, jax.Array]:
    """Loss and metrics, float32 scalars, of one tally."""
    finished = {
        name: metric.finalize(tally.metrics[name], tally.count)
        for name, metric in model.metrics.items()
    }
    return {"loss": tally.loss / jnp.maximum(tally.count, 1), **finished}


def predict(model: Model, weights: Weights, x: Any) -> Any:
    """The model's outputs for `x` `[examples, ...]`, as NumPy arrays `[examples, ...]`."""
    apply = jax.jit(lambda weights, x: model.apply(*weights, x, None, False)[0])
    examples = jax.tree.leaves(x)[0].shape[0]
    parts = []
    for at in range(0, examples, BATCH_SIZE):
        part = jax.tree.map(lambda a, at=at: jnp.asarray(a[at : at + BATCH_SIZE]), x)
        parts.append(jax.device_get(apply(weights, part)))
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)
