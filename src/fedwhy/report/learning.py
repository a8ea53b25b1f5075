"""How the run of a diagnosis learns, beside the repaired one and all examples at one place."""

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
from fedwhy.report.facts import Record, number

# What a run is judged by, in this order; see `Outcome` of `fedwhy.diagnosis`.
JUDGED = {
    "personal": "each client's own model on its data",
    "test": "the global model on the test set",
    "clients": "the global model on the clients' data",
    "train": "clients' models while they train",
}
RUNS = (
    ("history", "as it is", "train", {}),
    ("repaired_history", "repaired", "test", {}),
    ("central_history", "all examples at one place", "clients", {"dash": "dash"}),
)


def learning_chart(record: Record) -> Chart | None:
    """Accuracy by round, or the loss of models without one; None where no run has it."""
    for metric, source in ((m, s) for m in ("accuracy", "loss") for s in JUDGED):
        key = f"{source}_{metric}"
        traces = lines(record, key)
        if traces:
            break
    else:
        return None
    axis = vertical_axis(traces)
    central = reference(record, traces) if metric == "accuracy" else []
    better = "Higher" if metric == "accuracy" else "Lower"
    return Chart(
        id="learning",
        title=f"{metric.capitalize()} by round",
        hint=f"{better} is better; measured is {JUDGED[source]}. Where all examples at one "
        f"place do no better, the federation is not to blame.{scale_note(axis)}",
        description=f"Line chart of {key.replace('_', ' ')} by round: {ends(traces)}.",
        traces=[*traces, *central],
        layout={"xaxis": round_axis(traces), "yaxis": axis},
        wide=True,
    )


def lines(record: Record, key: str) -> list[Trace]:
    """A line for every run that measured `key`."""
    drawn = (
        line(by_round(record.get(runs) or [], key), name, role, line=style)
        for runs, name, role, style in RUNS
    )
    return [trace for trace in drawn if trace]


def reference(record: Record, traces: list[Trace]) -> list[Trace]:
    """The score of all examples at one place as a level line, where its rounds are not known."""
    score = number(record.get("centralised_accuracy"))
    if score is None or record.get("central_history"):
        return []
    _, name, role, style = RUNS[2]
    last = max(x for trace in traces for x in trace["x"])
    level = line([(0, rounded(score)), (last, rounded(score))], name, role, line=style)
    return [{**level, "mode": "lines"}] if level else []
