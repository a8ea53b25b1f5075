"""`RESULTS.md`: the figures as tables and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chart
from catalogue import System
from workloads import WORKLOADS

HEAD = (
    "| system | seconds a round: median (min to max) | of fedwhy's time | peak memory, MB "
    "| start + first rounds, s | GFLOP/s | of matrix peak | compiled later | same model |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)
NOTES = """\
*Of fedwhy's time*: the ratio of medians; above 1, fedwhy is faster; a star means
that the two were not measured in the same run. *Peak memory*: all processes
of the system. *Start + first rounds*: from the start of the process to the first round, and what
the rounds that do not count took beyond a typical one (compiling, tuning). *GFLOP/s*: the
network's matrix products alone, as `networks.py` counts them. *Compiled later*: programs that were
compiled in rounds that count, where the system tells. *Same model*: the distance of the trained
weights from those of the reference (fedwhy; among the limits, the first), over the distance
travelled; 1 % is the most that passes (5 % in W1 and W2, 10 % in W4, whose networks amplify
rounding). The limits are not judged: no average calms their rounding. How all this is measured:
[README.md](README.md)."""


def write(path: Path, results: dict[str, Any], systems: dict[str, System], title: str) -> None:
    """Writes the page, and its plot beside it."""
    plot = path.with_suffix(".svg")
    chart.write(plot, results["workloads"], systems)
    parts = [f"# {title}", machine(results["machine"]), f"![Seconds a round]({plot.name})", NOTES]
    for name in WORKLOADS:
        if name in results["workloads"]:
            parts.append(section(name, results["workloads"][name], systems))
    parts.append(versions(results["workloads"]))
    path.write_text("\n\n".join(parts) + "\n")


def machine(facts: dict[str, Any]) -> str:
    """One line on the machine."""
    return "Machine: " + "; ".join(f"{name} {value}" for name, value in facts.items()) + "."


def section(name: str, entry: dict[str, Any], systems: dict[str, System]) -> str:
    """A workload's table."""
    rows = entry["systems"]
    base = rows.get("fedwhy", {})
    lines = [
        f"## {name}: {entry['about']}",
        f"{entry['rounds']} rounds, of which the first {entry['warmup']} do not count, "
        f"{entry['repeats']} times, systems in turn; matrix peak {entry['peak_gflops']:.0f} "
        f"GFLOP/s; {entry['when']}.\n",
        HEAD,
    ]
    for key, system in systems.items():
        if key in rows:
            lines.append(line(system, rows[key], base, entry))
    return "\n".join(lines)


def line(system: System, row: dict[str, Any], base: dict[str, Any], entry: dict[str, Any]) -> str:
    """A system's line."""
    if "median" not in row:
        return f"| {system.label} | {row['status']} |" + " |" * 7
    time = f"{row['median']:.3g} ({row['min']:.3g} to {row['max']:.3g})"
    if row["status"] != "ok":
        time += f"; later: {row['status']}"
    peak, agree = row["peak_gflops"], entry["agree"]
    ratio = row["median"] / base["median"] if "median" in base else None
    mark = "" if row["session"] == base.get("session") else " *"
    later = row.get("recompilations")
    apart = row.get("distance")
    cells = [
        system.label,
        time,
        "" if ratio is None else f"{ratio:.2f}{mark}",
        f"{row['peak_mb']:.0f}",
        f"{row['setup']:.1f} + {row['first_rounds']:.1f}",
        f"{row['gflops']:.3g}",
        f"{row['gflops'] / peak:.0%}" if peak else "",
        "" if later is None else str(later),
        ""
        if apart is None
        else f"{apart:.1e}"
        if apart < agree or system.central
        else f"**no: {apart:.1e}**",
    ]
    return "| " + " | ".join(cells) + " |"


def versions(workloads: dict[str, Any]) -> str:
    """What was installed, by package; each system's own if they differ."""
    found: dict[str, set[str]] = {}
    for entry in workloads.values():
        for row in entry["systems"].values():
            for package, version in row.get("versions", {}).items():
                found.setdefault(package, set()).add(version)
    text = ", ".join(f"{package} {' and '.join(sorted(v))}" for package, v in sorted(found.items()))
    return f"Versions: {text}."
