"""Charts of who holds what: labels, numbers of examples and skew, client by client."""

from typing import Any

import numpy as np

from fedwhy.report.chart import Chart, Trace, rounded
from fedwhy.report.facts import Record
from fedwhy.report.partition import Labels, labelled, labels_of, sizes_of, skew_of, spread
from fedwhy.report.wording import count


def labels_chart(record: Record) -> Chart | None:
    """Each client's share of every label, above its number of examples.

    Stacked bars for few clients and labels, else a heat map; of very many clients a sample.
    """
    labels = labels_of(record)
    if labels is None:
        return None
    few, clients = labels.few, labels.clients
    sizes = {
        "type": "bar",
        "x": clients,
        "y": labels.sizes.tolist(),
        "role": "bar",
        "yaxis": "y2",
        "hovertemplate": "client %{x}: %{y:,} examples<extra></extra>",
    }
    shown = f" Shown: {labels.note}." if labels.note else ""
    meaning = (
        "Each colour is a label; columns of one colour are clients that know few labels."
        if few
        else "Each row is a label; the stronger the colour, the larger its share at that client."
    )
    return Chart(
        id="labels",
        title="Who holds which labels",
        hint=f"Each column is a client, ordered by its main label. {meaning}{shown}",
        description=f"{'Stacked bars' if few else 'Heat map'} of the shares of "
        f"{len(labels.names)} labels at {len(clients)} clients. A client holds {spread(record)} "
        "labels.",
        traces=[*(stacked if few else heat)(labels), sizes],
        layout=two_rows(few, clients),
        wide=True,
    )


def stacked(labels: Labels) -> list[Trace]:
    """One bar a client, one colour a label."""
    return [
        {
            "type": "bar",
            "x": labels.clients,
            "y": labels.shares[:, k].round(4).tolist(),
            "name": name,
            "role": f"label-{k}",
            "customdata": labels.counts[:, k].tolist(),
            "hovertemplate": "client %{x}<br>label %{fullData.name}: %{customdata:,} times, "
            "%{y:.0%}<extra></extra>",
        }
        for k, name in enumerate(labels.names)
    ]


def heat(labels: Labels) -> list[Trace]:
    """One column a client, one row a label."""
    most = float(np.ceil(labels.shares.max() * 10) / 10) or 1
    trace: Trace = {
        "type": "heatmap",
        "x": labels.clients,
        "y": labels.names,
        "z": labels.shares.T.round(3).tolist(),
        "zmin": 0,
        "zmax": most,
        "role": "heat",
        "ramp": ["0 %", f"{100 * most:.0f} %"],
        "showscale": False,
        "customdata": labels.counts.T.tolist(),
        "hovertemplate": "client %{x}<br>label %{y}: %{customdata:,} times, "
        "%{z:.0%}<extra></extra>",
    }
    return [trace]


def two_rows(few: bool, clients: list[str]) -> dict[str, Any]:
    """Labels above, sizes below, over one axis of clients."""
    upper = {"range": [0, 1], "tickformat": ".0%", "dtick": 0.5}
    return {
        "barmode": "stack",
        "bargap": gap(clients),
        "hovermode": "closest",
        "xaxis": {**client_axis(clients), "anchor": "y2"},
        "yaxis": {**(upper if few else {"type": "category"}), "domain": [0.34, 1]},
        "yaxis2": {"domain": [0, 0.22], "nticks": 3, "rangemode": "tozero"},
        "annotations": [
            row_title("share of the client's examples" if few else "label", 1),
            row_title("number of examples", 0.22),
        ],
    }


def row_title(text: str, y: float) -> dict[str, Any]:
    """A heading above the left end of a row."""
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": y}
    return {
        **place,
        "text": text,
        "xanchor": "left",
        "yanchor": "bottom",
        "yshift": 2,
        "showarrow": False,
    }


def sizes_chart(record: Record) -> Chart | None:
    """A histogram of how many examples a client holds."""
    sizes = sizes_of(record)
    if sizes is None:
        return None
    places, words = sizes.ticks()
    least, most = sizes.edges[0], sizes.edges[-1] - 1
    bars = {
        "type": "bar",
        "x": [i + 0.5 for i in range(len(sizes.clients))],
        "y": sizes.clients,
        "role": "test",
        "customdata": sizes.ranges(),
        "hovertemplate": "%{y:,} clients of %{customdata} examples<extra></extra>",
    }
    return Chart(
        id="sizes",
        title="Client sizes",
        hint="How many clients hold how many examples. By examples, a large client outweighs many "
        f"small ones.{' Larger sizes share wider bins.' if sizes.widen() else ''}",
        description=f"Histogram of the sizes of {count(sum(sizes.clients))} clients, from "
        f"{count(least)} to {count(most)} examples.",
        traces=[bars],
        layout={
            "xaxis": {"title": "examples of a client", "tickvals": places, "ticktext": words},
            "yaxis": {"rangemode": "tozero", "title": {"text": "clients", "font": {"size": 12}}},
            "bargap": 0.06,
            "hovermode": "closest",
        },
    )


def skew_chart(record: Record) -> Chart | None:
    """A heat map of how unlike the population each client is, by measure."""
    skew = skew_of(record)
    if skew is None:
        return None
    drawn = skew.drawn()
    trace: Trace = {
        "type": "heatmap",
        "x": skew.clients,
        "y": skew.rows,
        "z": [[rounded(value) for value in row] for row in drawn.tolist()],
        "zmin": 0,
        "zmax": 1,
        "role": "heat",
        "ramp": ["0", "1 or more"],
        "showscale": False,
        "customdata": [[rounded(value) for value in row] for row in skew.values.tolist()],
        "hovertemplate": "client %{x}<br>%{y}: %{customdata:.3f}<extra></extra>",
    }
    shown = f" Shown: {skew.note}." if skew.note else ""
    return Chart(
        id="skew",
        title="How unlike the population each client is",
        hint=f"Each column is a client, the most unlike first. {skew.key()}{shown}",
        description=f"Heat map of {len(skew.rows)} measures of skew at {len(skew.clients)} "
        "clients.",
        traces=[trace],
        layout={
            "xaxis": client_axis(skew.clients),
            "yaxis": {"type": "category", "autorange": "reversed"},
            "hovermode": "closest",
        },
    )


def client_axis(clients: list[str]) -> dict[str, Any]:
    """A horizontal axis of clients, with their names where there is room."""
    return {"title": "client", "type": "category", "showticklabels": labelled(clients)}


def gap(clients: list[str]) -> float:
    """The part of a column's width that stays empty."""
    return 0.12 if len(clients) <= 60 else 0
