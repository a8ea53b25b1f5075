"""`ExampleFacts`: how many examples there are, of which labels, in which order, and which twice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.data import Batching
from fedwhy.data.arrays import leaves_of, row_blocks
from fedwhy.data.skew import label_measures
from fedwhy.diagnosis.facts.copies import Copies, copies_of
from fedwhy.diagnosis.facts.labels import Labels, labels_of, strata_of
from fedwhy.diagnosis.facts.order import sortedness
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Description
from fedwhy.simulation.checks import example


@dataclass(frozen=True, eq=False)
class ExampleFacts:
    """What is known of a setup's examples without looking at what their inputs mean.

    It is of all examples, and nothing is refused: labels may be out of range or one-hot, inputs may
    be no numbers.
    """

    setup: Setup

    @property
    def sizes(self) -> np.ndarray:
        """How many examples each client holds, int64 `[clients]`."""
        return self.setup.clients.sizes

    @cached_property
    def batching(self) -> Batching:
        """How clients make batches."""
        return self.setup.algorithm.client(self.setup.model).batching

    @cached_property
    def visited(self) -> np.ndarray:
        """The share of its examples that each client visits in an epoch, float64 `[clients]`."""
        per_epoch = self.batching.steps_per_epoch(self.sizes) * self.batching.batch_size
        return np.minimum(per_epoch, self.sizes) / self.sizes

    @property
    def unvisited(self) -> float:
        """The share of all examples that an epoch leaves out."""
        return 1 - float((self.visited * self.sizes).sum() / self.sizes.sum())

    @property
    def silent(self) -> float:
        """The share of all examples whose clients visit none of theirs, and never train."""
        return float(self.sizes[self.visited == 0].sum() / self.sizes.sum())

    @cached_property
    def description(self) -> Description | None:
        """What the model tells of itself; None where it does not take the clients' inputs."""
        try:
            return self.setup.model.describe(example(self.setup.clients)[0])
        except Exception:  # Whatever the user's own layers raise; the causes in models say why.
            return None

    @cached_property
    def classes(self) -> int | None:
        """How many classes there should be: as the data say, or else as the model has outputs."""
        if self.setup.clients.classes is not None:
            return self.setup.clients.classes
        if not self.setup.model.classes_from_output or self.description is None:
            return None
        return self.description.output_shape[-1]

    @cached_property
    def labels(self) -> Labels:
        """The labels of each client."""
        clients, ignored = self.setup.clients, self.setup.model.ignored_class
        return labels_of(clients.y, clients.offsets, self.classes, ignored)

    @cached_property
    def test_labels(self) -> Labels | None:
        """The labels of the test set, as one group."""
        test = self.setup.test
        if test is None:
            return None
        ends = np.array([0, len(test)])
        return labels_of(test.y, ends, self.classes, self.setup.model.ignored_class)

    @cached_property
    def label_skew(self) -> float | None:
        """Total variation of clients' labels from all clients', beyond chance, 0 to 1.

        The mean over examples of `sum |p - q| / 2`, less what a random deal would have,
        `sum sqrt(q (1 - q) / (2 pi n))`, the mean deviation of a binomial. None without classes.
        """
        if not self.labels.counts.any():
            return None
        q, sizes = self.labels.shares, np.maximum(self.labels.counts.sum(axis=1), 1)
        distance = label_measures(self.labels.counts)["earth_movers_distance"]
        chance = np.sqrt(q * (1 - q) / (2 * np.pi * sizes[:, None])).sum(axis=1)
        excess = np.nan_to_num(distance) - np.minimum(chance, 1 - q.max())
        return float(np.clip((excess * sizes).sum() / sizes.sum(), 0, 1))

    @cached_property
    def not_finite(self) -> np.ndarray:
        """Which of the clients' examples hold a value that is not finite, bool `[examples]`."""
        return not_finite(self.setup.clients)

    @cached_property
    def test_not_finite(self) -> np.ndarray:
        """The same of the test set; empty without one."""
        return np.zeros(0, bool) if self.setup.test is None else not_finite(self.setup.test)

    @cached_property
    def strata(self) -> tuple[np.ndarray, np.ndarray]:
        """A group of like targets for each example, of clients and of the test set."""
        clients, test = self.setup.clients, self.setup.test
        if test is None or test.y.shape[1:] != clients.y.shape[1:]:
            return strata_of(clients.y), np.zeros(0, np.int64)
        both = strata_of(np.concatenate([clients.y, test.y]))
        return both[: len(clients)], both[len(clients) :]

    @cached_property
    def order(self) -> np.ndarray:
        """How far each client's examples come sorted by label, see `sortedness`."""
        return sortedness(self.strata[0], self.setup.clients.offsets)

    @cached_property
    def copies(self) -> Copies | None:
        """Which examples are there twice; None for examples too small to tell."""
        test = self.setup.test
        same = test is not None and jax.tree.structure(test.x) == jax.tree.structure(
            self.setup.clients.x
        )
        return copies_of(self.setup.clients, test if same else None)


def not_finite(data: Any) -> np.ndarray:
    """Which examples of x and y hold a value that is not finite, bool `[examples]`."""
    bad = np.zeros(len(data), bool)
    for _, array in leaves_of("x", data.x) + leaves_of("y", data.y):
        if jnp.issubdtype(array.dtype, jnp.inexact):
            for rows in row_blocks(array):
                fine = np.isfinite(array[rows])
                if not fine.all():
                    bad[rows] |= ~fine.reshape(len(fine), -1).all(axis=1)
    return bad
