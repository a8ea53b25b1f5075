"""`Description`: what `describe` tells of the data of all clients."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

MOST_LABELS = 20  # So many labels fit into the table of a terminal.


class FeatureDescription(NamedTuple):
    """One feature over all clients; NaN for what is not known.

    - `values`, `missing`: how many values are finite, and how many are not
    - `mean`, `std`: the standard deviation is the population's, with n in the denominator
    - `least`, `greatest`: of all values
    - `quantiles`: the value below which each share of the values lies, `{0.05: ..., ...}`
    - `error`: by how much a quantile may be wrong, the width of a bin
    """

    values: int
    missing: int
    mean: float
    std: float
    least: float
    greatest: float
    quantiles: dict[float, float]
    error: float


@dataclass(frozen=True, eq=False)
class Description:
    """The data of all clients, described by sums alone.

    - `clients`, `reporting`: how many there are, and how many hold at least `minimum` examples; all
      that follows is of these
    - `examples`, `smallest`, `largest`: how many in all, and at the smallest and largest client
    - `label_counts`: int64 `[classes]`, over all positions of sequences, or None where they were
      not counted
    - `features`: a `FeatureDescription` by the feature's name
    - `minimum`: what rests on fewer examples at a client was held back there; missing values that
      were count among `values`
    """

    name: str
    clients: int
    reporting: int
    examples: int
    smallest: int
    largest: int
    label_counts: np.ndarray | None
    features: dict[str, FeatureDescription]
    minimum: int

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers, ready for JSON; None for what is not known."""
        return {
            "name": self.name,
            "clients": self.clients,
            "reporting": self.reporting,
            "examples": self.examples,
            "smallest": self.smallest,
            "largest": self.largest,
            "label_counts": None if self.label_counts is None else self.label_counts.tolist(),
            "features": {
                name: {
                    **{key: known(value) for key, value in feature._asdict().items()},
                    "quantiles": {f"{q:g}": known(v) for q, v in feature.quantiles.items()},
                }
                for name, feature in self.features.items()
            },
            "minimum": self.minimum,
        }

    def __str__(self) -> str:
        """A few small tables to read; "<k" stands for what was held back, at every client."""
        silent = self.clients - self.reporting
        head = (
            f"{self.name}: {self.count(self.examples)} examples, {self.reporting} clients of "
            f"{self.count(self.smallest)} to {self.count(self.largest)}"
        )
        if silent:
            head += f"; {silent} with fewer than {self.minimum} left out"
        tables = [self.label_table(), self.feature_table()]
        return "\n\n".join([head, *(aligned(table) for table in tables if table)])

    def label_table(self) -> list[list[str]]:
        """Examples by label, as rows of words; of many labels only the range."""
        if self.label_counts is None:
            return []
        counts = self.label_counts
        if len(counts) > MOST_LABELS:
            least, greatest = self.count(counts.min()), self.count(counts.max())
            return [["labels", f"{len(counts)}, of {least} to {greatest} examples"]]
        return [
            ["label", *map(str, range(len(counts)))],
            ["examples", *map(self.count, counts)],
        ]

    def feature_table(self) -> list[list[str]]:
        """A row of words for each feature, below their headings."""
        levels = next(iter(self.features.values())).quantiles
        heads = ["feature", "values", "missing", "mean", "std", "least"]
        table = [[*heads, *(f"{level:.0%}" for level in levels), "greatest", "off by"]]
        for name, f in self.features.items():
            quantiles = (as_known(value, f.error) for value in f.quantiles.values())
            numbers = (f.mean, f.std, f.least, *quantiles, f.greatest, f.error)
            counts = [self.count(f.values), self.count(f.missing)]
            table.append([name, *counts, *map(self.value, numbers)])
        return table

    def count(self, number: int) -> str:
        """A count; 0 may hide as many as a client holds back."""
        return f"<{self.minimum}" if self.minimum > 1 and not number else f"{number}"

    def value(self, number: float) -> str:
        """A number with four digits."""
        if math.isnan(number):
            return f"<{self.minimum}" if self.minimum > 1 else "-"
        return f"{number:.4g}"


def known(value: float | int) -> float | int | None:
    """`value`, or None for NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value


def as_known(value: float, error: float) -> float:
    """`value` rounded to the digits that an error leaves known."""
    if math.isnan(value) or not error:
        return value
    return round(value, -math.ceil(math.log10(error)))


def aligned(table: list[list[str]]) -> str:
    """Rows of words as lines with columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    )
