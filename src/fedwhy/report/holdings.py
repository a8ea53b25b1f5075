"""Who holds what: labels and numbers of examples, client by client."""

from typing import Any

import numpy as np

from fedwhy.report.chart import Chart, Trace
from fedwhy.report.facts import Record
from fedwhy.report.wording import count, drawable

BARS = 100  # clients that stacked bars can show
COLOURS = 10  # classes that colours can tell apart
CELLS = 200  # clients that a heat map can show
ROWS = 100  # classes that a heat map can show
SIZES = 500  # clients that the chart of sizes can show


def labels_chart(record: Record) -> Chart | None:
    """Each client's share of every label, above its number of examples.

    Stacked bars for few clients and labels, else a heat map; of very many clients a sample.
    """
    partition = record.get("partition") or {}
    if not partition.get("label_counts") or not partition["label_counts"][0]:
        return None
    table = np.asarray(partition["label_counts"], float)
    names = class_names(record, table.shape[1])
    ids = partition.get("clients") or range(len(table))
    few = len(table) <= BARS and table.shape[1] <= COLOURS
    picked = evenly(np.argsort(-table.sum(axis=1), kind="stable"), CELLS)
    kept = np.sort(np.argsort(-table.sum(axis=0), kind="stable")[:ROWS])
    picked = picked[by_main_label(table[picked])]
    table, held = table[np.ix_(picked, kept)], table[picked].sum(axis=1)
    clients = drawable(ids[i] for i in picked)
    shares = np.divide(table, held[:, None], out=np.zeros_like(table), where=held[:, None] > 0)
    upper = (stacked if few else heat)(clients, [names[k] for k in kept], shares, table)
    sizes = {
        "type": "bar",
        "x": clients,
        "y": held.astype(int).tolist(),
        "role": "bar",
        "yaxis": "y2",
        "hovertemplate": "client %{x}: %{y:,} examples<extra></extra>",
    }
    notes = [
        f"a sample of {len(clients)} of {count(len(ids))} clients, from the largest to the smallest"
        if len(clients) < len(ids)
        else "",
        f"the {ROWS} most frequent of {count(len(names))} labels" if len(kept) < len(names) else "",
    ]
    shown = f" Shown: {'; '.join(filter(None, notes))}." if any(notes) else ""
    meaning = (
        "Each colour is a label; columns of one colour are clients that know few labels."
        if few
        else "Each row is a label; the stronger the colour, the larger its share at that client."
    )
    return Chart(
        id="labels",
        title="Who holds which labels",
        hint=f"Each column is a client, ordered by its main label. {meaning}{shown}",
        description=f"{'Stacked bars' if few else 'Heat map'} of the shares of {len(kept)} labels "
        f"at {len(clients)} clients. A client holds {spread(record)} labels.",
        traces=[*upper, sizes],
        layout=two_rows(few, clients),
        wide=True,
    )


def stacked(clients: list[str], names: list[str], shares: np.ndarray, held: np.ndarray) -> Any:
    """One bar a client, one colour a label."""
    return [
        {
            "type": "bar",
            "x": clients,
            "y": shares[:, k].round(4).tolist(),
            "name": name,
            "role": f"label-{k}",
            "customdata": held[:, k].astype(int).tolist(),
            "hovertemplate": "client %{x}<br>label %{fullData.name}: %{customdata:,} examples, "
            "%{y:.0%}<extra></extra>",
        }
        for k, name in enumerate(names)
    ]


def heat(clients: list[str], names: list[str], shares: np.ndarray, held: np.ndarray) -> Any:
    """One column a client, one row a label."""
    trace: Trace = {
        "type": "heatmap",
        "x": clients,
        "y": names,
        "z": shares.T.round(3).tolist(),
        "zmin": 0,
        "zmax": float(np.ceil(shares.max() * 10) / 10) or 1,
        "role": "heat",
        "showscale": False,
        "customdata": held.T.astype(int).tolist(),
        "hovertemplate": "client %{x}<br>label %{y}: %{customdata:,} examples, "
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
        "xaxis": {
            "title": "client",
            "type": "category",
            "anchor": "y2",
            "showticklabels": labelled(clients),
        },
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
    """Clients from the largest to the smallest, by their number of examples."""
    partition = record.get("partition") or {}
    sizes = np.asarray(partition.get("sizes") or (), int)
    if not len(sizes):
        return None
    ids = partition.get("clients") or range(len(sizes))
    order = evenly(np.argsort(-sizes, kind="stable"), SIZES)
    clients = drawable(ids[i] for i in order)
    few = f" Shown: a sample of {len(order)} of {count(len(sizes))}." * (len(order) < len(sizes))
    bars = {
        "type": "bar",
        "x": clients,
        "y": sizes[order].tolist(),
        "role": "bar",
        "hovertemplate": "client %{x}: %{y:,} examples<extra></extra>",
    }
    return Chart(
        id="sizes",
        title="Client sizes",
        hint="Number of examples of each client, from the largest to the smallest; by examples, "
        f"a large client outweighs many small ones.{few}",
        description=f"Bar chart of the sizes of {len(order)} clients, from "
        f"{count(sizes.max())} down to {count(sizes.min())} examples.",
        traces=[bars],
        layout={
            "xaxis": {"title": "client", "type": "category", "showticklabels": labelled(clients)},
            "yaxis": {"rangemode": "tozero"},
            "bargap": gap(clients),
            "hovermode": "closest",
        },
        wide=True,
    )


def labelled(clients: list[str]) -> bool:
    """Whether the names of clients have room under their columns."""
    return len(clients) <= 20 and all(len(name) <= 14 for name in clients)


def gap(clients: list[str]) -> float:
    """The part of a column's width that stays empty."""
    return 0.12 if len(clients) <= 60 else 0


def spread(record: Record) -> str:
    """How many labels a client holds: '3 (1 to 6)', the median first."""
    table = (record.get("partition") or {}).get("label_counts") or []
    held = sorted(sum(n > 0 for n in row) for row in table)
    if not held:
        return ""
    return f"{held[len(held) // 2]} ({held[0]} to {held[-1]})"


def class_names(record: Record, classes: int) -> list[str]:
    """Names of the labels, where the record has them; else their numbers."""
    names = (record.get("recall") or {}).get("classes") or ()
    return drawable(names if len(names) == classes else range(classes), longest=14)


def by_main_label(table: np.ndarray) -> np.ndarray:
    """Order of clients by their most frequent label, and by its share; empty ones come last."""
    total = table.sum(axis=1)
    return np.lexsort((-table.max(axis=1) / np.maximum(total, 1), table.argmax(axis=1), total == 0))


def evenly(order: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` of `order`, evenly spaced, with its first and its last."""
    if len(order) <= limit:
        return order
    return order[np.linspace(0, len(order) - 1, limit).round().astype(int)]
