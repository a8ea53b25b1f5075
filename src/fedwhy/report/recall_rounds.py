"""Which classes the model knows, round by round."""

from collections.abc import Mapping, Sequence
from typing import Any

from fedwhy.report.chart import Chart, Trace, rounded
from fedwhy.report.facts import Record, number
from fedwhy.report.partition import class_names
from fedwhy.report.wording import listing, percent, plural

LOST = 0.05  # recall below which a class is not known


def recall_rounds_chart(record: Record) -> Chart | None:
    """The recall of each class by round as a heat map; None where it was not measured."""
    rounds = [r for r in record.get("history") or [] if r.get("test_recall")]
    if not rounds:
        return None
    names = class_names(record, len(rounds[-1]["test_recall"]))
    trace: Trace = {
        "type": "heatmap",
        "x": [r["round"] for r in rounds],
        "y": names,
        "z": by_class(rounds, "test_recall"),
        "zmin": 0,
        "zmax": 1,
        "role": "heat",
        "ramp": ["0 %", "100 %"],
        "showscale": False,
        "hovertemplate": "round %{x}, class %{y}: recall %{z:.0%}<extra></extra>",
    }
    if all(r.get("test_predicted") for r in rounds):
        trace["customdata"] = by_class(rounds, "test_predicted")
        trace["hovertemplate"] = (
            "round %{x}, class %{y}: recall %{z:.0%}<br>"
            "%{customdata:.0%} of all predictions<extra></extra>"
        )
    said = unknown(rounds[-1]["test_recall"], names)
    return Chart(
        id="recall-rounds",
        title="Recall of each class by round",
        hint=f"The share of a class's test examples that the model recognises. {said}",
        description=f"Heat map of the recall of {len(names)} classes over {len(rounds)} "
        f"evaluations. {said}",
        traces=[trace],
        layout={
            "xaxis": {"title": "round"},
            "yaxis": {
                "type": "category",
                "autorange": "reversed",
                "dtick": 1 + len(names) // 20,
            },
            "hovermode": "closest",
        },
    )


def by_class(rounds: Sequence[Mapping[str, Any]], key: str) -> list[list[float | None]]:
    """The values of `key`, `[classes][rounds]`."""
    return [[rounded(v) for v in values] for values in zip(*(r[key] for r in rounds), strict=True)]


def unknown(recall: Sequence[Any], names: Sequence[str]) -> str:
    """Which classes the model does not know in the end, as a sentence."""
    values = zip(names, recall, strict=True)
    lost = [name for name, value in values if (number(value) or 0.0) < LOST]
    if not lost:
        lowest = min(number(value) or 0.0 for value in recall)
        return f"In the end every class is known; the least known to {percent(lowest)}."
    if len(lost) > 5:
        return f"In the end {len(lost)} of {len(names)} classes are not known at all."
    return f"In the end class{plural(len(lost)) and 'es'} {listing(lost)} cannot be recognised."
