"""Which clients of one round pull the same way, and which against each other."""

from typing import Any

import numpy as np

from fedwhy.report.chart import Chart, Trace, rounded
from fedwhy.report.facts import Record
from fedwhy.report.holdings import client_axis, gap, row_title
from fedwhy.report.partition import evenly
from fedwhy.report.wording import count, drawable, percent

MOST = 100  # clients that one map can show


def cosines_chart(record: Record) -> Chart | None:
    """The cosine between the updates of any two clients, above their norms.

    Clients are ordered by their part in the direction that most of them share, so that those who
    pull together are neighbours. None where no updates were taken.
    """
    updates = record.get("updates") or {}
    if not updates.get("cosine"):
        return None
    cosine = finite(updates["cosine"])
    order = evenly(by_direction(cosine), MOST)
    names = updates.get("ids") or range(len(cosine))
    clients = drawable(names[i] for i in order)
    shown = cosine[np.ix_(order, order)]
    itself = np.eye(len(order), dtype=bool)
    most = strongest(shown[~itself])
    against = float((shown[~itself] < 0).mean()) if len(order) > 1 else 0.0
    shown[itself] = np.nan  # Everybody is like itself; left empty, the others stand out.
    traces: list[Trace] = [
        {
            "type": "heatmap",
            "x": clients,
            "y": clients,
            "z": [[rounded(value) for value in row] for row in shown.tolist()],
            "zmin": -most,
            "zmax": most,
            "role": "poles",
            "ramp": [f"{-most:g}", f"{most:g}"],
            "showscale": False,
            "hovertemplate": "%{x} and %{y}: cosine %{z:.2f}<extra></extra>",
        }
    ]
    if updates.get("norm"):
        norms = finite(updates["norm"])[order]
        traces.append(norm_bars(clients, [rounded(value) for value in norms.tolist()]))
    sample = f" Shown: {len(order)} of {count(len(cosine))} clients." * (len(order) < len(cosine))
    return Chart(
        id="cosines",
        title="Who pulls with whom",
        hint="The cosine between the updates of any two clients of a round: 1 is the same way, "
        f"0 neither way, -1 against each other, as {percent(against)} of pairs are below 0. "
        f"Neighbours are alike.{sample}",
        description=f"Heat map of the cosines between the updates of {len(order)} clients, "
        f"{percent(against)} of which are negative.",
        traces=traces,
        layout=layout(clients, len(traces) > 1),
        wide=True,
        tall=True,
    )


def norm_bars(clients: list[str], norms: list[float | None]) -> Trace:
    """How long each client's update is."""
    return {
        "type": "bar",
        "x": clients,
        "y": norms,
        "role": "bar",
        "yaxis": "y2",
        "hovertemplate": "%{x}: norm %{y:.4g}<extra></extra>",
    }


def layout(clients: list[str], with_norms: bool) -> dict[str, Any]:
    """The map above the norms, over one axis of clients."""
    columns = client_axis(clients)
    rows: dict[str, Any] = {
        "type": "category",
        "autorange": "reversed",
        "dtick": 1,
        "showticklabels": columns["showticklabels"],
    }
    if not with_norms:
        return {"xaxis": columns, "yaxis": rows, "hovermode": "closest"}
    return {
        "bargap": gap(clients),
        "hovermode": "closest",
        "xaxis": {**columns, "anchor": "y2"},
        "yaxis": {**rows, "domain": [0.24, 1]},
        "yaxis2": {"domain": [0, 0.16], "nticks": 3, "rangemode": "tozero"},
        "annotations": [row_title("norm of the update", 0.16)],
    }


def by_direction(cosine: np.ndarray) -> np.ndarray:
    """Clients by their entry in the main eigenvector of the cosines, `[clients, clients]`."""
    vector = np.linalg.eigh(cosine)[1][:, -1]
    return np.argsort(-vector * (np.sign(vector.sum()) or 1.0), kind="stable")


def strongest(cosines: np.ndarray) -> float:
    """The end of the scale of colours: the next tenth above all cosines, at least 0.2."""
    return min(max(np.ceil(10 * np.abs(cosines).max(initial=0.0)) / 10, 0.2), 1.0)


def finite(values: Any) -> np.ndarray:
    """Numbers as an array; what is not finite is 0, as it has no direction."""
    return np.nan_to_num(np.asarray(values, float), nan=0.0, posinf=0.0, neginf=0.0)
