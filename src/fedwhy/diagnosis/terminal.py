"""`for_terminal`: a diagnosis for a terminal, from the dict that its page is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fedwhy.report.changes import Line
from fedwhy.report.findings import Block, blocks
from fedwhy.report.probes import Probe, points, probes_of
from fedwhy.report.wording import percent

TONES = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
MARKS = {"new": ("+ ", "green"), "gone": ("- ", "dim"), "kept": ("  ", "")}


def for_terminal(record: Mapping[str, Any]) -> Group:
    """The verdict, a block for each finding and a table of probes; rich's console prints it.

    `record` is as `fedwhy.report.diagnosis` describes it.
    """
    found, probes = blocks(record), probes_of(record)
    parts: list[RenderableType] = [Text(record["verdict"], style="bold"), Text()]
    for block in found:
        parts += [*finding(block), Text()]
    if probes:
        parts += [table(probes), Text()]
    if found:
        parts.append(Text(f"More about one: fedwhy explain {found[0].code}", style="dim"))
    return Group(*parts)


def finding(block: Block) -> Iterator[RenderableType]:
    """What it is, why, and what to change."""
    tone = TONES[block.severity]
    proved = "proved" if block.confirmed else "not proved"
    standing = ", ".join(filter(None, [block.severity, proved, block.gain]))
    yield Text.assemble((block.code, tone), " ", (block.title, "bold"), f"  ({standing})")
    yield below(Text(f"{block.why} {block.proof}".strip()))
    if block.edit:
        yield below(Text(f"To change: run it with {block.edit}."))
    if block.diff:
        yield below(Text("\n").join(map(changed, block.diff)), deeper=2)
    if block.own_code:
        yield below(Text(block.own_code), deeper=2)


def changed(line: Line) -> Text:
    """A line of a diff."""
    mark, style = MARKS[line.kind]
    return Text(mark + line.text, style=style)


def table(probes: Sequence[Probe]) -> Table:
    """What was tried, one line each."""
    shown = Table("code", "run with", "before", "after", "recovered", box=None, pad_edge=False)
    for probe in probes:
        recovered = points(probe.recovered) or f"not run: {probe.error}".removesuffix(": ")
        cells = (probe.label, probe.what, percent(probe.before), percent(probe.after), recovered)
        shown.add_row(*map(Text, cells), style="green" if probe.confirmed else "")
    return shown


def below(text: Text, deeper: int = 0) -> Padding:
    """Text under a finding's title."""
    return Padding(text, (0, 0, 0, 2 + deeper))
