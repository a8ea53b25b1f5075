"""`Stats`: who holds how many examples of which labels, and how uneven that is."""

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fedwhy.data.arrays import row_blocks
from fedwhy.data.skew import MEASURES, effective_clients, label_measures

log = logging.getLogger("fedwhy")
MOST_CELLS = 1 << 28  # Counts of labels by client, 2 GiB.
LISTED = 1000  # Clients that are listed one by one; of more, a sample.
RATIO = 30  # Sizes that differ by more are binned on a logarithmic scale.


@dataclass(frozen=True, eq=False)
class Stats:
    """Numbers on a federated dataset.

    `ids` and `sizes` int64, in examples, are `[clients]`; `label_counts` is int64
    `[clients, classes]`, over all positions of sequences, or None where examples have no class
    numbers. Properties about labels are then None, too. Shares of labels are of these counts, not
    of sizes. `of_values` are those measures of `skew` that take more than labels.
    """

    name: str
    ids: np.ndarray
    sizes: np.ndarray
    label_counts: np.ndarray | None
    of_values: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def examples(self) -> int:
        """The number of examples of all clients."""
        return int(self.sizes.sum())

    @property
    def clients(self) -> int:
        """The number of clients."""
        return len(self.sizes)

    @property
    def smallest(self) -> int:
        """The size of the smallest client."""
        return int(self.sizes.min())

    @property
    def median(self) -> float:
        """The median of the clients' sizes."""
        return float(np.median(self.sizes))

    @property
    def largest(self) -> int:
        """The size of the largest client."""
        return int(self.sizes.max())

    @property
    def size_gini(self) -> float:
        """The Gini coefficient of the clients' sizes: 0 if all are equal, near 1 if one has all."""
        rank = np.arange(1, self.clients + 1)
        mean_rank = (np.sort(self.sizes) @ rank) / self.examples
        return float((2 * mean_rank - self.clients - 1) / self.clients)

    @property
    def effective_clients(self) -> float:
        """How many clients of equal size would be as even: `(sum n)^2 / sum n^2`."""
        return effective_clients(self.sizes)

    @cached_property
    def skew(self) -> dict[str, np.ndarray]:
        """How unlike the population each client is, by each measure of `fedwhy.data.skew` there is.

        Arrays float64 `[clients]`, NaN for a client of which the measure says nothing.
        """
        of_labels = {} if self.label_counts is None else label_measures(self.label_counts)
        found = {**of_labels, **self.of_values}
        return {name: found[name] for name in MEASURES if name in found}

    @property
    def classes_per_client(self) -> float | None:
        """How many classes a client holds, in the mean over clients."""
        return self.summary("classes")["mean"] if "classes" in self.skew else None

    @property
    def label_skew(self) -> float | None:
        """Total variation distance of a client's labels to the population's, mean over clients.

        0 if every client has the population's label distribution; nearly 1 if each has one label
        of many.
        """
        name = "earth_movers_distance"
        return self.summary(name)["mean"] if name in self.skew else None

    def summary(self, measure: str) -> dict[str, float | None]:
        """Mean, least, median and greatest of a measure over clients, each client alike."""
        values = self.skew[measure]
        values = values[np.isfinite(values)]
        summaries = {"mean": np.mean, "least": np.min, "median": np.median, "greatest": np.max}
        return {name: float(of(values)) if len(values) else None for name, of in summaries.items()}

    def size_histogram(self) -> dict[str, list[int]]:
        """How many clients are how large: `clients[i]` hold `edges[i]` to `edges[i + 1] - 1`."""
        least, beyond = self.smallest, self.largest + 1
        bins = int(np.clip(2 * np.sqrt(self.clients), 10, 30))
        if beyond > RATIO * least:
            edges = np.unique(np.geomspace(least, beyond, bins + 1).round().astype(np.int64))
        else:
            step = -(-(beyond - least) // bins)
            edges = np.arange(least, beyond + step, step)
        return {"edges": edges.tolist(), "clients": np.histogram(self.sizes, edges)[0].tolist()}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers, ready for JSON; None for what is not known.

        `clients` lists the ids, and `sizes`, `label_counts` and each measure's `clients` are of
        those. Of more than `LISTED` clients they are a sample, evenly spaced from the largest to
        the smallest; all other numbers are of all clients.
        """
        listed = np.arange(self.clients)
        if self.clients > LISTED:
            places = np.linspace(0, self.clients - 1, LISTED).round().astype(int)
            listed = np.sort(np.argsort(-self.sizes, kind="stable")[places])
        counts = self.label_counts
        return {
            "name": self.name,
            "population": {
                "clients": self.clients,
                "examples": self.examples,
                "label_counts": None if counts is None else counts.sum(axis=0).tolist(),
            },
            "clients": self.ids[listed].astype(str).tolist(),
            "sizes": self.sizes[listed].tolist(),
            "label_counts": None if counts is None else counts[listed].tolist(),
            "examples": self.examples,
            "smallest": self.smallest,
            "median": self.median,
            "largest": self.largest,
            "size_gini": self.size_gini,
            "size_histogram": self.size_histogram(),
            "effective_clients": self.effective_clients,
            "classes_per_client": self.classes_per_client,
            "label_skew": self.label_skew,
            "skew": {
                name: {**self.summary(name), "clients": known(values[listed])}
                for name, values in self.skew.items()
            },
        }

    def __str__(self) -> str:
        """A few lines to read."""
        lines = [
            f"{self.name}: {self.examples} examples, {self.clients} clients",
            f"examples per client  {self.smallest} to {self.largest}, median {self.median:g}, "
            f"Gini {self.size_gini:.2f}",
            f"effective clients    {self.effective_clients:.1f} of {self.clients} "
            "(so many of equal size would be as even)",
        ]
        if self.label_counts is not None:
            lines.append(
                f"classes per client   {self.classes_per_client:.1f} of "
                f"{self.label_counts.shape[1]} in the mean"
            )
        summaries = {name: self.summary(name) for name in self.skew if name != "classes"}
        if summaries:
            heads = "".join(f"{head:>10}" for head in ("mean", "least", "median", "greatest"))
            lines += ["", f"{'each client against the population':40}{heads}"]
        for name, summary in summaries.items():
            numbers = ("-" if value is None else f"{value:.3f}" for value in summary.values())
            lines.append(f"{MEASURES[name]:40}" + "".join(f"{number:>10}" for number in numbers))
        return "\n".join(lines)


def known(values: np.ndarray) -> list[float | None]:
    """Values as plain numbers, None for NaN."""
    return [None if np.isnan(value) else value for value in values.tolist()]


def countable(offsets: np.ndarray, classes: int) -> bool:
    """Whether a table of the labels of all clients fits into memory; the log tells if not."""
    fits = (len(offsets) - 1) * classes <= MOST_CELLS
    if not fits:
        log.warning(
            "labels are not counted: %d clients by %d classes are too large a table; select() "
            "fewer clients",
            *(len(offsets) - 1, classes),
        )
    return fits


def count_labels(
    y: np.ndarray, offsets: np.ndarray, classes: int, ignored_class: int | None = None
) -> np.ndarray:
    """Labels by client and class, int64 `[clients, classes]`, over all positions of each example.

    Client number c owns rows `offsets[c]:offsets[c + 1]` of `y` `[examples, ...]`. All labels must
    be in range or `ignored_class`, which is not counted.
    """
    counts = np.zeros((len(offsets) - 1, classes), np.int64)
    for rows in row_blocks(y):
        labels = y[rows].reshape(-1).astype(np.int64)
        stop = min(rows.stop, len(y))
        first = int(np.searchsorted(offsets, rows.start, side="right")) - 1
        last = int(np.searchsorted(offsets, stop))
        held = np.diff(np.clip(offsets[first : last + 1], rows.start, stop))
        cell = np.repeat(np.arange(last - first) * classes, held * (y.size // len(y))) + labels
        if ignored_class is not None:
            cell = cell[labels != ignored_class]
        found = np.bincount(cell, minlength=(last - first) * classes)
        counts[first:last] += found.reshape(last - first, classes)
    return counts
