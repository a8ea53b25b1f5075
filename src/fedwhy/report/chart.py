"""`Chart`: a picture without colours; the page's script draws it in the colours of its theme.

Traces and layout are Plotly's, but for a trace's `role`, the name of a colour in `page.css`, as
`test` for `--test`, and its `xs`, see `axes.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fedwhy.report.facts import number

Trace = dict[str, Any]
FEW = 40  # so many points are few enough to be marked one by one


class Chart(NamedTuple):
    """One chart: `hint` says how to read it, `description` what it shows, for a screen reader.

    A `wide` one has a row of its own, a `tall` one is nearly as high as it is wide.
    """

    id: str
    title: str
    hint: str
    description: str
    traces: list[Trace]
    layout: dict[str, Any]
    wide: bool = False
    tall: bool = False


def line(points: Sequence[tuple[Any, Any]], name: str, role: str, **style: Any) -> Trace | None:
    """A line through (x, y) points, broken where y is not finite; None where it is nowhere."""
    heights = [rounded(y) for _, y in points]
    if all(y is None for y in heights):
        return None
    return {
        "type": "scatter",
        "mode": "lines" if len(points) > FEW else "lines+markers",
        "x": [x for x, _ in points],
        "y": heights,
        "name": name,
        "role": role,
        "hovertemplate": "%{y:.4g}",
        "cliponaxis": False,
        **style,
    }


def by_round(rounds: Sequence[Mapping[str, Any]], key: str) -> list[tuple[int, Any]]:
    """The (round, value) points of the rounds that measured `key`."""
    return [(r["round"], r[key]) for r in rounds if key in r]


def round_axis(traces: Sequence[Trace]) -> dict[str, Any]:
    """A horizontal axis from round 0 to the last, the same for all charts of a run."""
    return {"title": "round", "range": [0, max(x for t in traces for x in t["x"])]}


def vertical_axis(traces: Sequence[Trace]) -> dict[str, Any]:
    """A logarithmic axis for positive values that span over two decades, else one from zero."""
    values = [y for t in traces for y in t["y"] if y is not None]
    wide = values and min(values) > 0 and max(values) / min(values) > 100
    return {"type": "log", "dtick": 1} if wide else {"rangemode": "tozero"}


def scale_note(axis: Mapping[str, Any]) -> str:
    """A sentence to add to a hint when `axis` is logarithmic."""
    return " The scale is logarithmic." if axis.get("type") == "log" else ""


def ends(traces: Sequence[Trace]) -> str:
    """'test ends at 0.956, train ends at 0.99': what lines show, in words."""
    last = ((t["name"], [y for y in t["y"] if y is not None][-1]) for t in traces)
    return ", ".join(f"{name} ends at {value:.4g}" for name, value in last)


def rounded(value: Any) -> float | None:
    """A number with the six digits that a chart can show; None for one that is not finite."""
    finite = number(value)
    return None if finite is None else float(f"{finite:.6g}")
