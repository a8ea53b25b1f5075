"""Rounds of federated averaging to 99 % on MNIST with a CNN.

McMahan, Moore, Ramage, Hampson and Aguera y Arcas, "Communication-Efficient Learning of Deep
Networks from Decentralized Data", AISTATS 2017, Table 2: 100 clients, a tenth of them a round, E
local epochs, batches of B. The figure is the number of rounds, at the best learning rate.

    python benchmarks/reproductions/mcmahan_table2.py --cells iid/E1/B10 --seeds 0
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import optax
import table
from table import Published, Record, Store

import fedwhy as fw

CLIENTS, COHORT, TARGET = 100, 0.1, 0.99
PARTITIONS = {"iid": fw.IID(), "shards": fw.Shards(2)}
SETTINGS = ((1, 10), (5, 10), (20, 10), (1, 50), (5, 50), (20, 50))  # E, B
ROUNDS = {"iid": (34, 20, 18, 65, 29, 32), "shards": (350, 229, 173, 600, 334, 426)}
CELLS = {
    f"{partition}/E{epochs}/B{batch}": Published(rounds)
    for partition, counts in ROUNDS.items()
    for (epochs, batch), rounds in zip(SETTINGS, counts, strict=True)
}
FIRST = -6  # the exponent of 10^(1/6) at which the search for a rate begins: a rate of 0.1
STEPS = (2, 1)  # exponents between neighbours, from coarse to fine
ALLOWANCE = 1.5  # times the published rounds, after which the target counts as not reached


@dataclass
class UntilTarget(fw.Callback):
    """Ends a run that reached the target, or is below 90 % after a third of its `most` rounds."""

    most: int
    everywhere: ClassVar[bool] = True

    def looks_at(self, round: int) -> bool:
        """At no round of its own accord: a run pauses after evaluations anyway."""
        return False

    def on_round(self, training: Any) -> str | None:
        """Judges the newest evaluation."""
        accuracy = training.history[-1].get("test_accuracy")
        if accuracy is None:
            return None
        if accuracy >= TARGET:
            return f"reached {TARGET:.0%}"
        if accuracy < 0.9 and training.round > self.most / 3:
            return "hopeless: below 90 % after a third of its rounds"
        return None


def run(store: Store, cell: str, seed: int, rounds: int | None) -> Record:
    """The record of a cell: the fewest rounds over learning rates, found by walking down the grid.

    From a rate of 0.1 the search goes to neighbours, the higher first, until both neighbours of
    the best need more; then so on a grid twice as fine. Neighbours are given no more rounds than
    the best needed. Each rate is kept as a record of its own, `CELL/RATE`, so that a search goes on
    where it was ended.
    """

    def needed(exponent: int, most: float) -> tuple[float, float]:
        rate, whole = 10 ** (exponent / 6), math.ceil(most)
        record = store.measured(
            f"{cell}/{rate:.3g}", seed, lambda: one_rate(cell, seed, rate, whole, rounds is None)
        )
        # Of rates that do not reach the target, the one that comes nearest shows the way.
        return record["value"] or math.inf, -record["best"]

    def search() -> Record:
        longest = rounds or ALLOWANCE * CELLS[cell].value
        found, best = {FIRST: needed(FIRST, longest)}, FIRST
        for step in STEPS:
            while untried := [e for e in (best + step, best - step) if e not in found]:
                found[untried[0]] = needed(untried[0], min(found[best][0], longest))
                best = min(found, key=lambda e: found[e])
        reached = math.isfinite(found[best][0])
        return {"value": found[best][0] if reached else None, "rate": 10 ** (best / 6)}

    return store.measured(cell, seed, search)


def one_rate(cell: str, seed: int, rate: float, most: int, kept: bool) -> Record:
    """The rounds to the target at one learning rate, None where `most` did not suffice."""
    partition, epochs, batch = cell.split("/")
    mnist = fw.load("mnist")
    client = fw.LocalSGD(optax.sgd(rate), epochs=int(epochs[1:]), batch_size=int(batch[1:]))
    trained = table.train(
        f"mcmahan_table2/{cell.replace('/', '-')}-{rate:.3g}-{seed}" if kept else None,
        fw.fedavg(fw.Model.from_zoo("cnn", classes=10), client),
        fw.partition(mnist.train, PARTITIONS[partition], clients=CLIENTS, seed=seed),
        rounds=most,
        cohort=COHORT,
        seed=seed,
        test=mnist.test,
        evaluate_every=max(1, int(CELLS[cell].value) // 50),
        callbacks=[UntilTarget(most)],
    )
    curve = [
        (record["round"], record["test_accuracy"])
        for record in trained.history
        if "test_accuracy" in record
    ]
    return {
        "value": rounds_to(TARGET, curve),
        "best": max(accuracy for _, accuracy in curve),
        "curve": curve,
        **table.facts(trained),
    }


def rounds_to(target: float, curve: Sequence[tuple[int, float]]) -> float | None:
    """Where the best accuracy so far crosses the target, between evaluations on a straight line."""
    best = list(itertools.accumulate((accuracy for _, accuracy in curve), max))
    for i, accuracy in enumerate(best):
        if accuracy >= target:
            (before, low), after = (curve[i - 1][0], best[i - 1]), curve[i][0]
            return before + (after - before) * (target - low) / (accuracy - low)
    return None


ABOUT = """\
Rounds of FedAvg until the best test accuracy so far crosses 99 %, with straight lines between
evaluations; mean and standard deviation over the seeds, which decide partition, first weights,
cohorts and batches. The paper tells of one run a cell. A difference is in bold where it is above a
quarter of the published figure.

100 clients of 600 examples, 10 a round; *iid*, or two *shards* of one label each a client; E local
epochs, batches of B; plain SGD; the CNN of 1,663,370 parameters on pixels in 0..1. The learning
rate is the best of a grid with the factor 10^(1/6), one of the paper's two, for each cell and seed:
the search starts at 0.1 and walks to neighbours, at first with the factor 10^(1/3), until both need
more rounds. A run is ended at the
target, after 1.5 times the published rounds (or those of the best rate so far), or when it is
below 90 % after a third of them. Long runs are evaluated every few rounds, a fiftieth of the
published figure."""


def page(store: Store) -> str:
    """The table."""
    records = store.records()
    rows = []
    for cell, published in CELLS.items():
        found = [rounds for rounds in table.values(records, cell) if rounds]
        missed = len(table.values(records, cell)) - len(found)
        compared = table.comparison(published, found, near=published.value / 4, digits=0)
        rates = ", ".join(f"{rate:.3g}" for rate in table.values(records, cell, "rate"))
        rows.append([cell, *compared, rates, str(missed) if missed else ""])
    head = ["cell", "published", "fedwhy", "seeds", "difference", "best rates", "not reached"]
    return (
        "\n\n".join(["# Table 2 of McMahan et al. 2017", ABOUT, table.markdown(head, rows)]) + "\n"
    )


if __name__ == "__main__":
    args = table.arguments(__doc__ or "", CELLS, seeds=(0,))
    table.run_all("mcmahan_table2", args, run, page)
