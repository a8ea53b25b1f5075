"""How well the final model recognises each class."""

from fedwhy.report.chart import Chart, rounded
from fedwhy.report.facts import Record, number
from fedwhy.report.wording import drawable, listing

MOST = 100  # classes that one chart can hold


def recall_chart(record: Record) -> Chart | None:
    """Recall of each class as bars, the worst highlighted; None where it was not measured."""
    table = record.get("recall") or {}
    recalls = table.get("recall") or []
    names = drawable(table.get("classes") or range(len(recalls)), longest=14)
    support = table.get("support") or ["?"] * len(recalls)
    rows = [
        (name, value, examples)
        for name, recall, examples in zip(names, recalls, support, strict=False)
        if (value := number(recall)) is not None
    ]
    if not rows:
        return None
    worst = min(value for _, value, _ in rows)
    uneven = worst < max(value for _, value, _ in rows)
    worst_names = [name for name, value, _ in rows if uneven and value == worst]
    shown = rows
    if len(rows) > MOST:
        shown = sorted(rows, key=lambda row: row[1])[:MOST]
    bars = {
        "type": "bar",
        "x": [name for name, _, _ in shown],
        "y": [rounded(value) for _, value, _ in shown],
        "name": "recall",
        "role": "test",
        "roles": ["worst" if name in worst_names else "test" for name, _, _ in shown],
        "customdata": [examples for _, _, examples in shown],
        "hovertemplate": "class %{x}: recall %{y:.3f}<br>of %{customdata} test examples"
        "<extra></extra>",
    }
    if len(shown) <= 12:
        bars |= {"texttemplate": "%{y:.2f}", "textposition": "outside", "cliponaxis": False}
    few = f"; the {MOST} worst of {len(rows)} classes are shown" if len(rows) > MOST else ""
    lowest = f"Lowest: {listing(worst_names[:3])} with {worst:.3f}. " if worst_names else ""
    return Chart(
        id="recall",
        title="Recall by class",
        hint=f"{lowest}The share of each class's test examples that the final model "
        f"recognises{few}.",
        description=f"Bar chart of the recall of {len(shown)} classes. {lowest}",
        traces=[bars],
        layout={
            "xaxis": {"title": "class", "type": "category"},
            "yaxis": {"range": [0, 1.08], "dtick": 0.25},
            "hovermode": "closest",
        },
    )
