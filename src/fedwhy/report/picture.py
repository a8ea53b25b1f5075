"""`render_picture`: who holds what as one picture for papers and slides: PNG, SVG or PDF.

The only file that draws with matplotlib, which is an extra. The colours are the page's, of its
light theme.
"""

import io
import re
from importlib.resources import files
from textwrap import wrap
from typing import Any

import numpy as np

from fedwhy.errors import ParameterError
from fedwhy.report.facts import Record, number
from fedwhy.report.partition import (
    Labels,
    Sizes,
    Skew,
    labelled,
    labels_of,
    sizes_of,
    skew_of,
    spread,
)
from fedwhy.report.sentence import dealt
from fedwhy.report.wording import count

FORMATS = ("png", "svg", "pdf")
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
WIDTH = 11  # inches
NAMED_ROWS = 20  # labels that have their names beside a heat map; of more, some

Colours = dict[str, str]


def render_picture(record: Record, format: str = "png") -> bytes:
    """The picture of a partition, in one of `FORMATS`; `record` is as for `render_partition`.

    Labels and sizes client by client, a histogram of sizes, and a map of skew; what the record
    does not hold is left out. The same record gives the same bytes. Raises `ParameterError` where
    matplotlib is not installed.
    """
    drawing, content = figure(record), io.BytesIO()
    from matplotlib import rc_context  # `figure` says so where it is missing.

    with rc_context({"svg.hashsalt": "fedwhy"}):
        drawing.savefig(content, format=format, dpi=160, metadata=UNDATED.get(format))
    return content.getvalue()


def figure(record: Record) -> Any:
    """The picture as a matplotlib `Figure`, drawn once, so that its layout is settled."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ParameterError(
            "picture", 'pictures are drawn by matplotlib: pip install "fedwhy[pictures]"'
        ) from error
    colours = palette()
    labels, sizes, skew = labels_of(record), sizes_of(record), skew_of(record)
    if sizes is None:
        raise ParameterError("record", "holds no partition to draw")
    heights = [4.4, 2.9] if labels else [2.9]
    with rc_context(style(colours)):
        layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)  # inches
        drawing = Figure(figsize=(WIDTH, sum(heights) + 0.9), layout=layout)
        drawing.suptitle(dealt(record), x=0.008, ha="left", fontsize=14, fontweight="bold")
        parts = drawing.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        below = {"x": 0.008, "ha": "left", "fontsize": 10, "color": colours["quiet"]}
        parts[0].suptitle("  ·  ".join(figures(record)), **below)
        if labels:
            upper, lower = parts[0].subplots(2, 1, height_ratios=[3.4, 1])
            draw_labels(upper, lower, labels, colours)
        if skew:
            left, right = parts[-1].subplots(1, 2, width_ratios=[1, 1.25])
            draw_skew(right, skew, colours)
        else:
            left = parts[-1].subplots()
        draw_sizes(left, sizes, colours)
        drawing.draw_without_rendering()
        drawing.set_layout_engine("none")
        # The last digits of the layout differ from time to time.
        for part in parts:
            part.bbox_relative.set_points(np.round(part.bbox_relative.get_points(), 6))
        for axes in drawing.axes:
            axes.set_position(np.round(axes.get_position().bounds, 6).tolist())
    return drawing


def figures(record: Record) -> list[str]:
    """The key figures of a partition, in words."""
    partition = record["partition"]
    sizes = [partition.get(key) for key in ("smallest", "largest")]
    words = [f"{count(sizes[0])} to {count(sizes[1])} examples a client"] if all(sizes) else []
    if (even := number(partition.get("effective_clients"))) is not None:
        words.append(f"{even:,.1f} effective clients")
    if partition.get("label_counts"):
        median, _, span = spread(record).partition(" ")
        words.append(f"{span.strip('()')} labels a client (median {median})")
    if (skew := number(partition.get("label_skew"))) is not None:
        words.append(f"label skew {skew:.2f}")
    return words


def palette() -> Colours:
    """The colours of the page by their role, such as `label-0`."""
    css = (files("fedwhy.report") / "templates" / "page.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+): (#\w{6});", css.split("}")[0]))


def style(colours: Colours) -> dict[Any, Any]:
    """Settings that give matplotlib the look of the page."""
    return {
        "axes.axisbelow": True,
        "axes.edgecolor": colours["bar"],
        "axes.labelcolor": colours["quiet"],
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 11,
        "axes.titleweight": "bold",
        "font.size": 9.5,
        "grid.color": colours["rule"],
        "legend.frameon": False,
        "svg.fonttype": "none",
        "text.color": colours["ink"],
        "text.parse_math": False,  # Users' names may hold dollar signs.
        "xtick.color": colours["quiet"],
        "ytick.color": colours["quiet"],
    }


def draw_labels(upper: Any, lower: Any, labels: Labels, colours: Colours) -> None:
    """Each client's share of every label, above its number of examples."""
    places = np.arange(len(labels.clients))
    width, edge = (0.88, 0.4) if len(places) <= 60 else (1.0, 0.0)
    upper.set_title("Who holds which labels")
    if labels.few:
        below = np.cumsum(labels.shares, axis=1) - labels.shares
        for k, name in enumerate(labels.names):
            upper.bar(
                places,
                labels.shares[:, k],
                width,
                below[:, k],
                label=name,
                color=colours[f"label-{k}"],
                edgecolor="white",
                linewidth=edge,
            )
        upper.set(ylabel="share of the client's examples", ylim=(0, 1))
        upper.yaxis.set_major_formatter(percent())
        upper.legend(
            title="label",
            loc="upper left",
            bbox_to_anchor=(1.005, 1.02),
            reverse=True,
            handlelength=1,
            handleheight=1,
        )
    else:
        step = -(-len(labels.names) // NAMED_ROWS)
        image = upper.imshow(
            labels.shares.T, heat_map(colours), aspect="auto", interpolation="nearest", vmin=0
        )
        upper.set_yticks(range(0, len(labels.names), step), labels.names[::step])
        upper.set_ylabel("label")
        upper.figure.colorbar(
            image,
            ax=[upper, lower],
            label="share of the client's examples",
            format=percent(),
            pad=0.01,
            fraction=0.03,
        )
    upper.set_xticks([])

    lower.bar(places, labels.sizes, width, color=colours["bar"])
    lower.grid(axis="y")
    lower.set(ylabel="examples", xlabel=below_clients("ordered by their main label", labels.note))
    lower.yaxis.set_major_formatter(thousands())
    lower.locator_params(axis="y", nbins=3, integer=True)
    name_clients(lower, labels.clients)
    for each in (upper, lower):
        each.set_xlim(-0.5, len(places) - 0.5)


def draw_sizes(axes: Any, sizes: Sizes, colours: Colours) -> None:
    """A histogram of how many examples a client holds."""
    bins = len(sizes.clients)
    axes.bar(np.arange(bins) + 0.5, sizes.clients, 0.94, color=colours["test"])
    axes.set_xticks(*sizes.ticks(8))
    axes.set_title("How large clients are")
    axes.set(
        xlabel="examples of a client" + (", in widening bins" if sizes.widen() else ""),
        ylabel="clients",
        xlim=(0, bins),
    )
    axes.grid(axis="y")
    axes.locator_params(axis="y", integer=True)
    axes.yaxis.set_major_formatter(thousands())


def draw_skew(axes: Any, skew: Skew, colours: Colours) -> None:
    """How unlike the population each client is, by measure."""
    image = axes.imshow(
        skew.drawn(), heat_map(colours), aspect="auto", interpolation="nearest", vmin=0, vmax=1
    )
    for row in range(1, len(skew.rows)):
        axes.axhline(row - 0.5, color="white", linewidth=2)
    axes.set_yticks(range(len(skew.rows)), skew.rows)
    axes.tick_params(axis="y", length=0)
    axes.set_title("How unlike the population each client is")
    key = "\n".join(wrap(skew.key(), 84))
    axes.set_xlabel(below_clients("the most unlike first", skew.note) + f"\n{key}")
    name_clients(axes, skew.clients)
    bar = axes.figure.colorbar(image, ax=axes, pad=0.02, fraction=0.05)
    bar.set_ticks([0, 0.5, 1], labels=["0", "0.5", "≥ 1"])


def name_clients(axes: Any, clients: list[str]) -> None:
    """The clients' names below their columns, upright where they are long; none for many."""
    if not labelled(clients):
        axes.set_xticks([])
        return
    upright = sum(map(len, clients)) > 60
    axes.set_xticks(range(len(clients)), clients, rotation=90 if upright else 0)
    axes.tick_params(axis="x", length=0)


def below_clients(order: str, note: str) -> str:
    """What stands below an axis of clients."""
    return f"clients, {order}" + (f" ({note})" if note else "")


def heat_map(colours: Colours) -> Any:
    """The page's colours of a heat map; what is not known is white."""
    from matplotlib.colors import LinearSegmentedColormap

    stops = [colours[f"heat-{i}"] for i in range(4)]
    return LinearSegmentedColormap.from_list("heat", stops).with_extremes(bad="white")


def percent() -> Any:
    """Shares as '50 %'."""
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1, decimals=0, symbol=" %")


def thousands() -> Any:
    """Counts as '12,000'."""
    from matplotlib.ticker import StrMethodFormatter

    return StrMethodFormatter("{x:,.0f}")
