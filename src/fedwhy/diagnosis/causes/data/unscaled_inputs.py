"""FW106: inputs are far larger or smaller than a model's initial weights are made for."""

from __future__ import annotations

import numpy as np

from fedwhy.data import Preparation
from fedwhy.data.preparation import Standardise
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.data import DataFacts
from fedwhy.diagnosis.facts.table import Table
from fedwhy.diagnosis.finding import Change, Edit, Settings, Suspicion
from fedwhy.diagnosis.setup import Setup

LARGE, HUGE = 3.0, 30.0
SMALL = 0.02
BYTE = 255.0
SCALING = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization")


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it by the root mean square of the inputs, as the model sees them."""
    data = evidence.data
    if data.table is None or scales_itself(data):
        return None
    x = data.table.x
    size = size_of(data.table)
    least, most = float(x.min()), float(x.max())
    if SMALL <= size <= LARGE or not size:
        return None
    return Suspicion(
        why=f"the model's inputs run from {least:.3g} to {most:.3g}, with a root mean square of "
        f"{size:.3g} where initial weights are made for about 1",
        confidence=0.8 if size > HUGE or size < SMALL else 0.5,
        evidence={"root_mean_square": size, "least": least, "greatest": most},
        prescription=repair(data, max(abs(least), abs(most))),
    )


def size_of(table: Table) -> float:
    """The root mean square of inputs, without what tells clients' means apart, as FW104 does."""
    sums = np.add.reduceat(table.x, table.offsets[:-1], axis=0, dtype=np.float64)
    means, whole = sums / table.sizes[:, None], sums.sum(axis=0) / len(table.x)
    apart = (table.sizes / len(table.x)) @ np.square(means - whole)
    squares = np.square(table.x, dtype=np.float64).mean(axis=0)
    return float(np.sqrt(max((squares - apart).mean(), 0.0)))


def scales_itself(data: DataFacts) -> bool:
    """Whether the model begins with a layer that brings inputs to scale."""
    if data.description is None:
        return False
    kinds = [layer.kind for layer in data.description.layers]
    before = [kind for kind in kinds if kind not in ("InputLayer", "Flatten", "Reshape")]
    return bool(before) and before[0] in SCALING


def repair(data: DataFacts, greatest: float) -> Edit:
    """Columns standardised by all clients' moments; pixels and the like divided by their range."""
    by = BYTE if BYTE / 2 < greatest <= BYTE else float(f"{greatest:.3g}")
    if data.columns:
        return standardised()
    if by < 1:
        by = 1 / BYTE if BYTE / 2 < 1 / greatest <= 2 * BYTE else by

    def changes(settings: Settings) -> tuple[Change, ...]:
        now = settings.get("prepare", {}).get("scale")
        if now is None:
            return (Change("prepare", "scale", by),)
        left = now * by
        return (Change("prepare", "scale", None if abs(left - 1) < 0.05 else left),)

    what = f"inputs divided by {by:g}" if by >= 1 else f"inputs multiplied by {1 / by:g}"
    return data_edits.inputs(
        what,
        lambda array: np.asarray(array, np.float32) / np.float32(by),
        changes,
        f"model = model.prepared(fw.Preparation(fw.prepare.Scale({by:g})))",
    )


def standardised() -> Edit:
    """Inputs standardised by the moments of all clients."""

    def apply(setup: Setup) -> Setup:
        preparation = Preparation(Standardise()).fit(setup.clients)
        return data_edits.on_data(setup, preparation.apply, data_edits.ALL)

    return Edit(
        "inputs standardised by the mean and deviation of all clients",
        apply,
        data_edits.keys("prepare", standardise=True),
        "preparation = fw.Preparation(fw.prepare.Standardise()).fit(clients)\n"
        "model = model.prepared(preparation)",
    )


CAUSE = Cause("FW106", "Inputs are not scaled", suspect)
