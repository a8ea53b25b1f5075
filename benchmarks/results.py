"""`results.json`: what was measured, and the figures drawn from it.

`{"machine": ..., "workloads": {name: {"about": ..., "peak_gflops": ..., "systems": {name: row}}}}`.
A row is `{"status": "ok", "runs": [...], ...}`, or `{"status": reason}`. Measuring anew replaces
only the rows that were measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean, median
from typing import Any

import networks
import numpy as np
from catalogue import System
from workloads import CACHE, Workload


def load(path: Path) -> dict[str, Any]:
    """The file, or an empty one."""
    if path.exists():
        return json.loads(path.read_text())
    return {"machine": {}, "workloads": {}}


def save(path: Path, results: dict[str, Any]) -> None:
    """Writes the file whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1) + "\n")
    partial.replace(path)


def add_run(row: dict[str, Any], record: dict[str, Any], when: str) -> None:
    """Adds what a script printed to its system's row."""
    row["status"], row["when"] = "ok", when
    row["versions"] = record["versions"] | {"python": record["python"]}
    keys = ("seconds", "setup_seconds", "peak_mb", "compiles", "wall_seconds")
    row.setdefault("runs", []).append({key: record[key] for key in keys if key in record})


def finish(row: dict[str, Any], work: Workload, warmup: int) -> None:
    """Draws the figures of a row from its runs; rounds up to `warmup` do not count."""
    runs = row.get("runs")
    if not runs:
        return
    timed = [s for run in runs for s in run["seconds"][warmup:]]
    typical = median(timed)
    row["median"], row["min"], row["max"] = typical, min(timed), max(timed)
    first = [sum(max(s - typical, 0.0) for s in run["seconds"][:warmup]) for run in runs]
    row["first_rounds"] = median(first)
    row["setup"] = median(run["setup_seconds"] for run in runs)
    row["peak_mb"] = max(run["peak_mb"] for run in runs)
    counts = [sum(run["compiles"][warmup:]) for run in runs if "compiles" in run]
    row["recompilations"] = max(counts) if counts else None
    examples = examples_by_round(work)[warmup : len(runs[0]["seconds"])]
    row["gflops"] = networks.flops(work.network) * mean(examples) / mean(timed) / 1e9


def examples_by_round(work: Workload) -> list[int]:
    """How many examples each round trains on."""
    with np.load(CACHE / work.name / "rest.npz") as rest:
        return np.diff(rest["offsets"])[rest["cohorts"]].sum(axis=1).tolist()


def compare(rows: dict[str, Any], systems: list[System], folder: Path, work: Workload) -> None:
    """Notes how far each system's model is from its reference's, over the distance travelled.

    The first central system measured is the reference of the central ones, and fedwhy of all
    others: where it was not measured with them, they are not compared.
    """
    with np.load(CACHE / work.name / "rest.npz") as rest:
        start = [rest[name] for name in sorted(rest) if name.startswith("weights_")]
    reference: dict[bool, list[np.ndarray]] = {}
    for system in systems:
        path = folder / f"{system.name}.npz"
        if rows[system.name].get("status") != "ok" or not path.exists():
            continue
        with np.load(path) as saved:
            final = [saved[name] for name in sorted(saved)]
        if system.central or system.name == "fedwhy":
            reference.setdefault(system.central, final)
        other = reference.get(system.central)
        if other is None:
            continue
        rows[system.name]["distance"] = distance(final, other) / distance(other, start)


def distance(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """Euclidean, over all arrays."""
    pairs = zip(a, b, strict=True)
    return float(sum(np.square(x - y, dtype=np.float64).sum() for x, y in pairs) ** 0.5)
