"""What changed from round to round: accuracy, loss, other metrics, update norms."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fedwhy.report.axes import with_axes
from fedwhy.report.chart import (
    Chart,
    Trace,
    by_round,
    ends,
    line,
    round_axis,
    rounded,
    scale_note,
    vertical_axis,
)
from fedwhy.report.facts import Record, number, score

Rounds = Sequence[Mapping[str, Any]]

SERIES = (
    ("test_{}", "test", "test", {}),
    ("train_{}", "training", "train", {}),
    ("clients_{}", "clients", "clients", {}),
    ("clients_{}_unweighted", "clients, each alike", "clients", {"dash": "dot"}),
    ("clients_{}_worst_decile", "worst tenth of clients", "clients", {"dash": "dash"}),
    ("personal_{}", "own models", "personal", {}),
    ("personal_{}_worst_decile", "worst tenth of own models", "personal", {"dash": "dash"}),
)
# What follows a metric's name where it is not the mean over examples.
OVER_CLIENTS = re.compile("_(unweighted|worst_decile|spread)$")
HINTS = {
    "test": "Test: the global model on held-out examples.",
    "training": "Training: clients' own models while they train.",
    "clients": "Clients: the global model on their data, by examples or each client alike.",
    "own models": "Own models: each client's own on its data.",
}


def run_curves(record: Record) -> list[Chart]:
    """A chart of each metric by round, and one of the updates' norms."""
    rounds = record.get("rounds") or []
    charts = [metric_chart(record, metric) for metric in metrics(rounds)]
    return [c for c in [*charts, norms_chart(rounds)] if c is not None]


def metrics(rounds: Rounds) -> list[str]:
    """The metrics that some round has: accuracy and loss first, the others by name."""
    names = {
        OVER_CLIENTS.sub("", key).split("_", 1)[1]
        for r in rounds
        for key, value in r.items()
        if key.startswith(("test_", "train_", "clients_", "personal_"))
        and not isinstance(value, list)  # Of each class, which is no curve.
    }
    return sorted(names, key=lambda name: (name != "accuracy", name != "loss", name))


def metric_chart(record: Record, metric: str) -> Chart | None:
    """`metric` by round, on test, training and clients' examples."""
    rounds = record.get("rounds") or []
    drawn = [
        line(by_round(rounds, key.format(metric)), name, role, line=style)
        for key, name, role, style in SERIES
    ]
    traces = [t for t in drawn if t]
    if not traces:
        return None
    title = metric.replace("_", " ").capitalize()
    axis = vertical_axis(traces)
    hints = [text for name, text in HINTS.items() if any(t["name"] == name for t in traces)]
    return Chart(
        id=f"metric-{metric}",
        title=f"{title} by round",
        hint=" ".join(hints) + scale_note(axis),
        description=f"Line chart of {metric} by round: {ends(traces)}.",
        traces=with_axes(traces + (best_mark(record) if metric == "accuracy" else []), rounds),
        layout={"xaxis": round_axis(traces), "yaxis": axis},
    )


def best_mark(record: Record) -> list[Trace]:
    """A ring around the best test accuracy."""
    best = score(record, "test_accuracy")
    if best is None:
        return []
    ring = {
        "type": "scatter",
        "mode": "markers",
        "x": [best.round],
        "y": [rounded(best.best)],
        "name": "best test",
        "role": "test",
        "cliponaxis": False,
        "hoverinfo": "skip",
        "marker": {"symbol": "circle-open", "size": 12, "line": {"width": 2}},
    }
    return [ring]


def norms_chart(rounds: Rounds) -> Chart | None:
    """How far clients moved the model, and how far the server did."""
    mean = line(by_round(rounds, "update_norm_mean"), "clients' mean", "clients")
    aggregate = line(by_round(rounds, "aggregate_norm"), "aggregate", "test")
    lines = [t for t in (mean, aggregate) if t]
    if not lines:
        return None
    traces = [*([spread] if (spread := band(rounds)) else []), *lines]
    axis = vertical_axis(traces)
    return Chart(
        id="norms",
        title="Update norms",
        hint="How far the clients of a round move the model, and how far their aggregate does. "
        "An aggregate far below the mean says that clients pull in different directions."
        + scale_note(axis),
        description=f"Line chart of update norms by round: {ends(lines)}.",
        traces=with_axes(traces, rounds),
        layout={"xaxis": round_axis(traces), "yaxis": axis},
    )


def band(rounds: Rounds) -> Trace | None:
    """The area between the smallest and the largest client's norm."""
    keys = ("update_norm_min", "update_norm_max")
    finite = [r for r in rounds if all(number(r.get(key)) is not None for key in keys)]
    if not finite:
        return None
    low, high = ([(r["round"], r[key]) for r in finite] for key in keys)
    outline = [*high, *reversed(low)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in outline],
        "y": [rounded(y) for _, y in outline],
        "name": "smallest to largest client",
        "role": "band",
        "fill": "toself",
        "hoverinfo": "skip",
    }
