"""FW117: inputs that tell nothing, because they never change."""

from __future__ import annotations

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.edits import without_change
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.data import DataFacts
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

MANY, MOST, DEAD = 0.5, 0.8, 0.95
ENOUGH = 10  # Examples of a client.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where most features are constant, at all clients or at some."""
    data = evidence.data
    if data.table is None or data.scale is None or len(data.table.x) < ENOUGH:
        return None
    constant = ~data.scale.varies
    dead = dead_clients(data)
    if constant.mean() < MANY and not dead.size:
        return None
    if constant.mean() >= MANY:
        share = float(constant.mean())
        nothing, most = bool(constant.all()), share >= MOST
        return Suspicion(
            why=f"{int(constant.sum())} of {len(constant)} input features have the same value in "
            "all examples" + (": the inputs tell nothing" if nothing else ""),
            confidence=0.95 if nothing else round(0.9 * share if most else 0.3, 2),
            evidence={"constant": int(constant.sum()), "features": len(constant)},
            prescription=as_they_were(),
            severity=Severity.error if nothing else Severity.warning if most else Severity.note,
        )
    clients = evidence.setup.clients
    ids = clients.ids[dead]
    return Suspicion(
        why=f"at {len(ids)} clients, such as {ids[0].item()!r}, nearly all input features have the "
        "same value in all examples, while they vary at the others",
        confidence=0.6,
        evidence={"clients": ids[:10].tolist(), "count": len(ids)},
        prescription=data_edits.examples(
            "clients left out whose inputs do not vary",
            data_edits.only(clients, ~np.isin(clients.owner, dead)),
            code=f"clients = clients.select(~np.isin(clients.ids, {ids[:10].tolist()}))",
            of=("clients",),
        ),
    )


def dead_clients(data: DataFacts) -> np.ndarray:
    """Positions of clients at whom nearly none of the features varies that vary elsewhere."""
    if data.table is None or data.scale is None or not data.scale.varies.any():
        return np.zeros(0, np.int64)
    x, starts = data.table.x[:, data.scale.varies], data.table.offsets[:-1]
    same = np.minimum.reduceat(x, starts, axis=0) == np.maximum.reduceat(x, starts, axis=0)
    dead = (same.mean(axis=1) >= DEAD) & (data.table.sizes >= ENOUGH)
    return np.zeros(0, np.int64) if dead.all() else data.table.clients[dead]


def as_they_were() -> Edit:
    """Inputs before something made them constant, which only a person can bring back."""
    return Edit(
        "inputs that vary, as they were before they were read, cast or filled in",
        without_change,
        code="print(np.ptp(raw_x, axis=0), np.ptp(x, axis=0))  # the step that makes zeros of it",
    )


CAUSE = Cause("FW117", "Inputs are constant", suspect)
