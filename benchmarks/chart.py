"""The plot: seconds a round by workload and system, on a logarithmic axis, as a small SVG."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import Any

from catalogue import System
from workloads import WORKLOADS

LEFT, WIDTH, ROW, TOP = 250, 520, 17, 26
COLOURS = {True: "#9aa5b1", False: "#4c78a8"}
OURS = "#e4572e"


def write(path: Path, workloads: dict[str, Any], systems: dict[str, System]) -> None:
    """Writes one panel per workload, all on one page."""
    y, parts = 6, []
    for name in WORKLOADS:
        rows = workloads.get(name, {}).get("systems", {})
        bars = [(systems[key], rows[key]) for key in systems if "median" in rows.get(key, {})]
        if bars:
            parts.append(panel(name, bars, y))
            y += TOP + ROW * len(bars) + 14
    style = "font: 12px system-ui, sans-serif"
    size = f'width="{LEFT + WIDTH + 90}" height="{y}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{style}; background: #fff">'
    path.write_text("\n".join([head, *parts, "</svg>"]) + "\n")


def panel(name: str, bars: list[tuple[System, dict[str, Any]]], y: int) -> str:
    """One workload: a bar to the median, a whisker from minimum to maximum."""
    low = math.floor(math.log10(min(row["min"] for _, row in bars)) * 2) / 2
    high = math.ceil(math.log10(max(row["max"] for _, row in bars)) * 2) / 2
    span = max(high - low, 0.5)

    def x(seconds: float) -> float:
        return LEFT + (math.log10(seconds) - low) / span * WIDTH

    title = f"{name}: seconds a round, logarithmic"
    parts = [f'<text x="{LEFT}" y="{y + 14}" font-weight="600">{title}</text>']
    bottom = y + TOP + ROW * len(bars)
    for power in range(math.ceil(low), math.floor(high) + 1):
        at = f"{x(10.0**power):.1f}"
        parts.append(f'<path d="M{at} {y + TOP - 4}V{bottom}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{at}" y="{bottom + 10}" font-size="9" fill="#666">{10.0**power:g}</text>'
        )
    for index, (system, row) in enumerate(bars):
        top = y + TOP + ROW * index
        colour = OURS if system.name == "fedwhy" else COLOURS[system.central]
        end, left, right = (f"{x(row[key]):.1f}" for key in ("median", "min", "max"))
        middle = top + ROW / 2 - 2
        parts += [
            f'<text x="{LEFT - 6}" y="{top + 11}" text-anchor="end">{escape(system.label)}</text>',
            f'<path d="M{LEFT} {top}H{end}v{ROW - 4}H{LEFT}z" fill="{colour}"/>',
            f'<path d="M{left} {middle}H{right}" stroke="#222"/>',
            f'<text x="{x(row["max"]) + 6:.1f}" y="{top + 11}">{row["median"]:.3g}</text>',
        ]
    return "\n".join(parts)
