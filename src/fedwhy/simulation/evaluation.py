"""Evaluation of one model on examples and on clients."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from fedwhy.algorithms import Tally
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.data.arrays import leaves_of, to_arrays
from fedwhy.data.checks import check_range
from fedwhy.engine import Settings, local_settings
from fedwhy.engine.devices import AXIS, compiler_options, local_mesh, make_mesh, share
from fedwhy.engine.lowering import lower
from fedwhy.federated import trees
from fedwhy.models import Model, Weights
from fedwhy.simulation.by_class import ByClass, by_class
from fedwhy.simulation.scores import Scores, as_scores, scores_by_client

PyTree = Any

# Examples evaluated at a time on each device.
BATCH_SIZE = 512


class Evaluated(NamedTuple):
    """Scores of a model, and what it makes of each class; None where there are none, or many."""

    scores: Scores
    classes: ByClass | None


class Measured(NamedTuple):
    """A batch: what each example adds to its owner's tally where `mask` holds, and all of them."""

    each: Tally
    classes: ByClass | None
    owner: jax.Array
    mask: jax.Array


class Sums(NamedTuple):
    """The tally `[clients, ...]` of the examples so far, and what was made of their classes."""

    tally: Tally
    classes: ByClass | None

    def add(self, batch: Measured) -> Sums:
        """The sums with one more batch."""

        def add(total: jax.Array, values: jax.Array) -> jax.Array:
            keep = batch.mask.reshape(batch.mask.shape + (1,) * (values.ndim - 1))
            return total.at[batch.owner].add(jnp.where(keep, values, 0).astype(total.dtype))

        classes = jax.tree.map(jnp.add, self.classes, batch.classes)
        return Sums(jax.tree.map(add, self.tally, batch.each), classes)


class Evaluator:
    """Evaluates weights of `model` on `data`: one compiled program, however many the clients.

    The examples are spread over the devices of `settings`, a batch at a time; `arrays` are the
    data's (x, y) if they are there already.
    """

    def __init__(
        self,
        model: Model,
        data: Dataset | FederatedDataset,
        settings: Settings | None = None,
        arrays: PyTree = None,
    ):
        mesh = make_mesh(settings.devices) if settings else local_mesh()
        settings = settings or local_settings()
        self.model = lower(model) if settings.lowering else model
        self.clients = data.clients if isinstance(data, FederatedDataset) else 1
        owner = data.owner if isinstance(data, FederatedDataset) else np.zeros(len(data), np.int32)
        arrays = share((data.x, data.y), mesh) if arrays is None else arrays
        self.arrays = (arrays, share(owner, mesh))
        examples = len(owner)
        self.batch = min(BATCH_SIZE, -(-examples // settings.devices))
        self.starts = batch_starts(examples, self.batch, settings.devices)
        on_all_devices = jax.shard_map(
            self._on_one_device,
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec(), PartitionSpec(AXIS)),
            out_specs=PartitionSpec(),
            check_vma=False,
        )

        def run(weights: Weights, arrays: PyTree, starts: jax.Array) -> tuple[Any, ...]:
            tally, classes = on_all_devices(weights, arrays, starts)
            return *scores_by_client(model, tally), classes

        self._run = jax.jit(run, compiler_options=compiler_options(mesh))

    def __call__(self, weights: Weights) -> Evaluated:
        """What `weights` make of all examples of the data."""
        *scores, classes = jax.device_get(self._run(weights, self.arrays, self.starts))
        return Evaluated(as_scores(*scores), classes)

    def _on_one_device(self, weights: Weights, arrays: PyTree, starts: jax.Array) -> Sums:
        """The sums over batches from the rows `starts` int32 `[1, batches]`."""

        def measure(start: jax.Array) -> Measured:
            return self._measure(weights, arrays, start)

        def add_batch(number: jax.Array, sums: Sums) -> Sums:
            return sums.add(measure(starts[0, number]))

        classes = trees.zeros(jax.eval_shape(measure, starts[0, 0]).classes)
        zero = Sums(trees.zeros(Tally.zero(self.model), self.clients), classes)
        sums = jax.lax.fori_loop(0, starts.shape[1], add_batch, zero)
        return jax.tree.map(lambda a: jax.lax.psum(a, AXIS), sums)

    def _measure(self, weights: Weights, arrays: PyTree, start: jax.Array) -> Measured:
        """What `weights` make of the batch that begins at row `start`."""
        examples = jax.tree.leaves(arrays)[0].shape[0]
        rows = start + jnp.arange(self.batch)
        mask = rows < examples
        (x, y), owner = trees.row(arrays, jnp.minimum(rows, examples - 1))
        output, _ = self.model.apply(*weights, x, None, False)
        each = Tally(
            jnp.ones(rows.shape, jnp.float32),
            self.model.loss(output, y),
            {name: metric.measure(output, y) for name, metric in self.model.metrics.items()},
        )
        return Measured(each, by_class(self.model, output, y, mask), owner, mask)


def batch_starts(examples: int, batch: int, devices: int) -> np.ndarray:
    """The first rows of batches, dealt to devices: int32 `[devices, batches]`.

    Where there are no more batches to deal, `examples`: the row after the last.
    """
    batches = -(-examples // batch)
    each = -(-batches // devices)
    starts = np.minimum(np.arange(devices * each) * batch, examples)
    return starts.reshape(each, devices).T.astype(np.int32)


def predict(model: Model, weights: Weights, x: Any) -> Any:
    """The model's outputs for `x` `[examples, ...]`, as NumPy arrays `[examples, ...]`.

    Raises `DataError` for no examples, and for values that JAX cannot hold.
    """
    x = to_arrays("x", x)
    data = Dataset(x, np.zeros(len(jax.tree.leaves(x)[0])), "predict")
    for field, array in leaves_of("x", x):
        check_range(data, field, array)
    apply = jax.jit(lambda weights, x: model.apply(*weights, x, None, False)[0])
    parts = []
    for at in range(0, len(data), BATCH_SIZE):
        part = jax.tree.map(lambda a, at=at: jnp.asarray(a[at : at + BATCH_SIZE]), x)
        parts.append(jax.device_get(apply(weights, part)))
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)
