"""What the pictures of a partition show, whatever draws them: labels, sizes and skew of clients.

Few enough of each to be drawn: of very many clients a sample, evenly spaced.
"""

from typing import NamedTuple

import numpy as np

from fedwhy.report.facts import Record, number, population
from fedwhy.report.wording import count, drawable

BARS = 100  # clients that stacked bars can show
COLOURS = 10  # classes that colours can tell apart
CELLS = 200  # clients that a heat map can show
ROWS = 100  # classes that a heat map can show
BINS = 30  # bins of a histogram

# Measures that are 0 for a client like the population, and what 1 means is comparable.
DISTANCES = {
    "jensen_shannon_distance": "labels (Jensen-Shannon)",
    "earth_movers_distance": "labels (earth mover's)",
    "target_distance": "targets (Wasserstein)",
    "mean_shift": "feature means",
    "variance_shift": "feature variances",
}


class Labels(NamedTuple):
    """Clients by their main label: `shares` and `counts` are `[clients, labels]`.

    `sizes` `[clients]` are their examples. `few` says that bars and colours can show
    them; `note` what is not shown, if anything.
    """

    clients: list[str]
    names: list[str]
    shares: np.ndarray
    counts: np.ndarray
    sizes: np.ndarray
    few: bool
    note: str


class Sizes(NamedTuple):
    """How many clients are how large: `clients[i]` hold `edges[i]` to `edges[i + 1] - 1`."""

    edges: list[int]
    clients: list[int]

    def ticks(self, most: int = 10) -> tuple[list[float], list[str]]:
        """Places and words for an axis on which bin i reaches from i to i + 1.

        They stand at the edges, or below the middle of bins that hold a single size.
        """
        single = all(b - a == 1 for a, b in zip(self.edges, self.edges[1:], strict=False))
        places = range(len(self.clients) if single else len(self.edges))
        chosen = places[:: -(-len(places) // most)]
        return [i + 0.5 * single for i in chosen], [count(self.edges[i]) for i in chosen]

    def widen(self) -> bool:
        """Whether bins of larger sizes are wider."""
        return self.edges[-1] - self.edges[-2] > 2 * (self.edges[1] - self.edges[0])

    def ranges(self) -> list[str]:
        """'12 to 17' for every bin."""
        pairs = zip(self.edges, self.edges[1:], strict=False)
        return [count(a) if b - a == 1 else f"{count(a)} to {count(b - 1)}" for a, b in pairs]


class Skew(NamedTuple):
    """Clients, the most unlike the population first, by measure: `values` `[rows, clients]`."""

    clients: list[str]
    rows: list[str]
    values: np.ndarray
    note: str

    def drawn(self) -> np.ndarray:
        """The distance from 0 that a colour shows, at most 1."""
        return np.minimum(np.abs(self.values), 1)

    def key(self) -> str:
        """What a colour means."""
        empty = " Empty: too few examples." if np.isnan(self.values).any() else ""
        return (
            "0: like all clients together. 1: no label in common, a mean or a target one standard "
            f"deviation away, a variance doubled or halved.{empty}"
        )


def labels_of(record: Record) -> Labels | None:
    """Who holds which labels; None where they were not counted."""
    partition = record.get("partition") or {}
    if not partition.get("label_counts") or not partition["label_counts"][0]:
        return None
    table = np.asarray(partition["label_counts"], float)
    names = class_names(record, table.shape[1])
    ids = partition.get("clients") or range(len(table))
    clients, _ = population(record)
    few = clients <= BARS and table.shape[1] <= COLOURS
    picked = evenly(np.argsort(-table.sum(axis=1), kind="stable"), CELLS)
    kept = np.sort(np.argsort(-table.sum(axis=0), kind="stable")[:ROWS])
    picked = picked[by_main_label(table[picked])]
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    sizes = np.asarray(partition.get("sizes") or table.sum(axis=1), int)[picked]
    table, shares = table[np.ix_(picked, kept)], shares[np.ix_(picked, kept)]
    notes = [
        f"a sample of {len(picked)} of {count(clients)} clients, from the largest to the smallest"
        if len(picked) < clients
        else "",
        f"the {ROWS} most frequent of {count(len(names))} labels" if len(kept) < len(names) else "",
    ]
    return Labels(
        clients=drawable(ids[i] for i in picked),
        names=[names[k] for k in kept],
        shares=shares,
        counts=table.astype(int),
        sizes=sizes,
        few=few,
        note="; ".join(filter(None, notes)),
    )


def sizes_of(record: Record) -> Sizes | None:
    """How many clients are how large; None where there are none."""
    partition = record.get("partition") or {}
    if histogram := partition.get("size_histogram"):
        return Sizes(histogram["edges"], histogram["clients"])
    sizes = np.asarray(partition.get("sizes") or (), int)
    if not len(sizes):
        return None
    step = max(1, -(-(int(np.ptp(sizes)) + 1) // BINS))
    edges = np.arange(sizes.min(), sizes.max() + 1 + step, step)
    return Sizes(edges.tolist(), np.histogram(sizes, edges)[0].tolist())


def skew_of(record: Record) -> Skew | None:
    """How unlike the population each client is; None where that was not measured."""
    partition = record.get("partition") or {}
    measures = partition.get("skew") or {}
    rows = [name for name in DISTANCES if name in measures]
    if not rows:
        return None
    values = np.array(
        [[np.nan if number(v) is None else v for v in measures[name]["clients"]] for name in rows]
    )
    order = evenly(np.argsort(-np.nan_to_num(values[0], nan=-1), kind="stable"), CELLS)
    ids = partition.get("clients") or range(values.shape[1])
    clients, _ = population(record)
    return Skew(
        clients=drawable(ids[i] for i in order),
        rows=[DISTANCES[name] for name in rows],
        values=values[:, order],
        note=f"a sample of {len(order)} of {count(clients)} clients"
        if len(order) < clients
        else "",
    )


def spread(record: Record) -> str:
    """How many labels a client holds: '3 (1 to 6)', the median first."""
    partition = record.get("partition") or {}
    if held := (partition.get("skew") or {}).get("classes"):
        least, median, greatest = (f"{held[key]:g}" for key in ("least", "median", "greatest"))
        return f"{median} ({least} to {greatest})"
    table = partition.get("label_counts") or []
    held = sorted(sum(n > 0 for n in row) for row in table)
    return f"{held[len(held) // 2]} ({held[0]} to {held[-1]})" if held else ""


def class_names(record: Record, classes: int) -> list[str]:
    """Names of the labels, where the record has them; else their numbers."""
    names = (record.get("recall") or {}).get("classes") or ()
    return drawable(names if len(names) == classes else range(classes), longest=14)


def labelled(clients: list[str]) -> bool:
    """Whether the names of clients have room under their columns."""
    return len(clients) <= 20 and all(len(name) <= 14 for name in clients)


def by_main_label(table: np.ndarray) -> np.ndarray:
    """Order of clients by their most frequent label, and by its share; empty ones come last."""
    total = table.sum(axis=1)
    return np.lexsort((-table.max(axis=1) / np.maximum(total, 1), table.argmax(axis=1), total == 0))


def evenly(order: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` of `order`, evenly spaced, with its first and its last."""
    if len(order) <= limit:
        return order
    return order[np.linspace(0, len(order) - 1, limit).round().astype(int)]
