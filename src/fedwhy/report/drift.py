"""How far clients move the model, whether they agree, and what their training gains them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fedwhy.report.chart import (
    Chart,
    Trace,
    by_round,
    ends,
    line,
    round_axis,
    scale_note,
    vertical_axis,
)
from fedwhy.report.curves import norms_chart

Rounds = Sequence[Mapping[str, Any]]


def drift_charts(rounds: Rounds) -> list[Chart]:
    """Norms of updates, the cosine between them, and local losses; those that were measured."""
    norms = norms_chart(rounds)
    by_rounds_only = norms and norms._replace(traces=[plain(trace) for trace in norms.traces])
    charts = [by_rounds_only, agreement_chart(rounds), local_loss_chart(rounds)]
    return [chart for chart in charts if chart is not None]


def plain(trace: Trace) -> Trace:
    """A trace that cannot be drawn over other axes than rounds."""
    return {key: value for key, value in trace.items() if key != "xs"}


def agreement_chart(rounds: Rounds) -> Chart | None:
    """The mean cosine between the updates of two clients, by round."""
    trace = line(by_round(rounds, "update_cosine"), "mean cosine", "clients")
    if trace is None:
        return None
    return Chart(
        id="agreement",
        title="How much clients agree",
        hint="The mean cosine between the updates of two clients of a round. 1: all pull the same "
        "way; 0: each its own; below 0: against each other.",
        description=f"Line chart of the cosine between updates by round: {ends([trace])}.",
        traces=[trace],
        layout={
            "xaxis": round_axis([trace]),
            "yaxis": {"range": [min(-0.1, *known(trace)) - 0.02, 1.02], "zeroline": True},
        },
    )


def local_loss_chart(rounds: Rounds) -> Chart | None:
    """Clients' loss on the first and on the last batch of a round, by round."""
    keys = (
        ("local_loss_first", "first batch of a round", "train"),
        ("local_loss_last", "last batch of a round", "clients"),
    )
    drawn = (line(by_round(rounds, key), name, role) for key, name, role in keys)
    traces = [trace for trace in drawn if trace]
    if not traces:
        return None
    axis = vertical_axis(traces)
    return Chart(
        id="local-loss",
        title="What local training gains",
        hint="Clients' loss when they begin a round and when they end it. A first loss that stays "
        "up while the last falls: averaging undoes what clients have learnt." + scale_note(axis),
        description=f"Line chart of local losses by round: {ends(traces)}.",
        traces=traces,
        layout={"xaxis": round_axis(traces), "yaxis": axis},
    )


def known(trace: Trace) -> list[float]:
    """The heights of a line where it has some."""
    return [y for y in trace["y"] if y is not None]
