"""`DataFacts`: what clients tell of their examples, from sums that they may send."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.data import Batching
from fedwhy.data.arrays import leaves_of, row_blocks, take
from fedwhy.data.client_statistics import COLUMNS
from fedwhy.data.skew import label_measures
from fedwhy.diagnosis.facts.copies import Copies, copies_of
from fedwhy.diagnosis.facts.labels import CLASS_NUMBERS, ONE_HOT, Labels, labels_of, strata_of
from fedwhy.diagnosis.facts.order import sortedness
from fedwhy.diagnosis.facts.reading import Reading, read
from fedwhy.diagnosis.facts.shift import Likeness, Shift, likeness, shift_of
from fedwhy.diagnosis.facts.table import Scale, Table, flat, scale_of, table_of
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Description
from fedwhy.simulation.checks import example

READ_CLASSES = 200  # A classifier is tried on no more.
LEAST_READ = 100  # Nor on fewer examples.
BLOCK = 4096  # Examples read at a time.


@dataclass(frozen=True, eq=False)
class DataFacts:
    """What is known of the examples of a setup, each fact computed when it is first asked for.

    Nothing is refused: labels may be out of range or one-hot, inputs may be no numbers. Counts,
    forms and non-finite values are of all examples; what inputs look like is of a `Table` of some.
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
    def tokens(self) -> bool:
        """Whether inputs are numbers of words or letters, which have no scale."""
        layers = self.description.layers if self.description else ()
        if any("embed" in layer.kind.lower() for layer in layers):
            return True
        whole = all(a.dtype.kind in "iu" for _, a in leaves_of("x", self.setup.clients.x))
        return whole and self.setup.clients.y.ndim > 1

    @cached_property
    def table(self) -> Table | None:
        """Inputs of some of the clients' examples; None for tokens."""
        if self.tokens:
            return None
        clients = self.setup.clients
        return table_of(clients.x, clients.offsets, self.setup.model.preparation)

    @cached_property
    def test_table(self) -> Table | None:
        """The same of the test set; None without one, or where it has other features."""
        test = self.setup.test
        if test is None or self.table is None:
            return None
        table = table_of(test.x, np.array([0, len(test)]), self.setup.model.preparation)
        return table if table.x.shape[1] == self.table.x.shape[1] else None

    @property
    def columns(self) -> bool:
        """Whether inputs are a table of few columns, each with a scale of its own."""
        arrays = jax.tree.leaves(self.setup.clients.x)
        return all(array.ndim == 2 and array.shape[1] <= COLUMNS for array in arrays)

    @cached_property
    def scale(self) -> Scale | None:
        """Where the clients' features lie."""
        return None if self.table is None else scale_of(self.table.x, self.columns)

    @cached_property
    def standard(self) -> np.ndarray | None:
        """The clients' inputs of `table`, standardised, float32 `[examples, features]`."""
        return None if self.table is None or self.scale is None else self.scale.of(self.table.x)

    @cached_property
    def test_standard(self) -> np.ndarray | None:
        """The test set's inputs of `test_table`, on the clients' scale."""
        if self.test_table is None or self.scale is None:
            return None
        return self.scale.of(self.test_table.x)

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
    def likeness(self) -> Likeness | None:
        """What the clients' inputs of each label look like, standardised."""
        if self.table is None or self.standard is None:
            return None
        count = 1 + max(int(part.max(initial=0)) for part in self.strata)
        return likeness(self.standard, self.strata[0][self.table.rows], count)

    @cached_property
    def shift(self) -> Shift | None:
        """How unlike the others' each client's inputs look; of the clients in `table`."""
        if self.table is None or self.standard is None or self.likeness is None:
            return None
        strata = self.strata[0][self.table.rows]
        return shift_of(self.standard, strata, self.table.offsets, self.likeness)

    @cached_property
    def test_shift(self) -> Shift | None:
        """How unlike the clients' the test set's inputs look, `[1]`."""
        table, strata = self.test_table, self.strata[1]
        if table is None or self.test_standard is None or self.likeness is None or not len(strata):
            return None
        return shift_of(self.test_standard, strata[table.rows], table.offsets, self.likeness)

    @cached_property
    def copies(self) -> Copies | None:
        """Which examples are there twice; None for examples too small to tell."""
        test = self.setup.test
        same = test is not None and jax.tree.structure(test.x) == jax.tree.structure(
            self.setup.clients.x
        )
        return copies_of(self.setup.clients, test if same else None)

    @cached_property
    def reading(self) -> Reading | None:
        """What a quick classifier makes of the labels of the examples in `table`.

        None where examples have no class each, and where there are hardly any to learn from.
        """
        fits = self.labels.form in (CLASS_NUMBERS, ONE_HOT) and self.labels.counts.any()
        if self.table is None or self.standard is None or not fits:
            return None
        if not 2 <= self.labels.classes <= READ_CLASSES or len(self.standard) < LEAST_READ:
            return None
        own = labels_at(self.setup.clients.y, self.table.rows, self.labels.classes)
        if own is None:
            return None
        theirs, inputs = None, self.test_standard
        if self.setup.test is not None and self.test_table is not None:
            theirs = labels_at(self.setup.test.y, self.test_table.rows, self.labels.classes)
        if theirs is None or inputs is None:
            theirs, inputs = np.zeros(0, np.int64), self.standard[:0]
        test = inputs, theirs
        return read(self.standard, own, self.table.offsets, self.labels.classes, test)

    def read_labels(self, rows: np.ndarray) -> np.ndarray:
        """The labels that the classifier of `reading` gives to the clients' examples `rows`."""
        if self.reading is None or self.scale is None:
            return np.zeros(0, np.int64)
        clients, preparation = self.setup.clients, self.setup.model.preparation
        found = np.empty(len(rows), np.int64)
        for part in row_blocks(np.empty((len(rows), 1)), values=BLOCK):
            x = flat(take(clients.x, rows[part]), preparation)
            found[part] = self.reading.classifier(self.scale.of(x))
        return found


def data_facts(setup: Setup) -> DataFacts:
    """What clients tell of the examples of `setup`, and the same of its test set."""
    return DataFacts(setup)


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


def labels_at(y: np.ndarray, rows: np.ndarray, classes: int) -> np.ndarray | None:
    """The class numbers in some rows, int64; None where examples have not one each, in range."""
    labels = y[rows]
    labels = labels.argmax(-1) if labels.ndim == 2 and labels.shape[1] == classes else labels
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    fits = labels.ndim == 1 and labels.dtype.kind in "iub"
    if not fits or (labels < 0).any() or (labels >= classes).any():
        return None
    return labels.astype(np.int64)
