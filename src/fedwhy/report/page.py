"""`render`, `render_comparison`, `render_partition`: a record or several -> one HTML page."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from fedwhy.errors import ParameterError
from fedwhy.report import comparison
from fedwhy.report.cards import partition_cards, run_cards
from fedwhy.report.classes import recall_chart
from fedwhy.report.curves import run_curves
from fedwhy.report.facts import Record, facts
from fedwhy.report.holdings import labels_chart, sizes_chart, skew_chart
from fedwhy.report.sentence import dealt, remarks, result
from fedwhy.report.tables import environment_section, settings_section


def render(record: Record) -> str:
    """The page of one run: result, curves, who holds what, settings and environment.

    `record` is as `fedwhy.tracking.read_record` gives it. It needs `settings` and `rounds`; what
    else is absent leaves its part of the page out.
    """
    run = facts(record)
    curves = run_curves(record)
    norms = [chart for chart in curves if chart.id == "norms"]
    return page(
        kind="run",
        name=record.get("name") or run.algorithm,
        headline=f"{result(run)}.",
        remarks=[f"{text[0].upper()}{text[1:].rstrip('.')}." for text in remarks(run)],
        cards=run_cards(record),
        charts=[
            *(chart for chart in curves if chart.id != "norms"),
            labels_chart(record) or sizes_chart(record),
            *norms,
            recall_chart(record),
        ],
        sections=[settings_section(record), environment_section(record)],
    )


def render_comparison(records: Sequence[Record]) -> str:
    """The page of several runs: curves over one another, numbers and settings side by side.

    Raises `ParameterError` without any record.
    """
    if not records:
        raise ParameterError("records", "expected at least one run, given none")
    runs = comparison.entries(records)
    return page(
        kind="comparison",
        name=" · ".join(run.name for run in runs),
        headline=comparison.headline(runs),
        charts=comparison.charts(runs),
        sections=[comparison.numbers_section(runs), comparison.differences_section(runs)],
    )


def render_partition(record: Record) -> str:
    """The page of a partition: who holds which labels, how many examples, and how unlike others."""
    return page(
        kind="partition",
        name=record.get("name") or facts(record).dataset,
        headline=f"{dealt(record)}.",
        cards=partition_cards(record),
        charts=[labels_chart(record), sizes_chart(record), skew_chart(record)],
        sections=[settings_section(record, "data", "partition", "shift")],
    )


def page(*, charts: Sequence[Any], sections: Sequence[Any], **parts: Any) -> str:
    """Fills the template; charts and sections that are None are left out."""
    present = [chart for chart in charts if chart is not None]
    drawn = [{"id": c.id, "traces": c.traces, "layout": c.layout} for c in present]
    parts = {"remarks": [], "cards": [], "diagnosis": None, **parts}
    return template().render(
        charts=present,
        drawn=drawn,
        sections=[section for section in sections if section is not None],
        plotly=get_plotlyjs(),
        **parts,
    )


@cache
def template():
    """The page's template; whatever it prints is escaped."""
    environment = Environment(
        loader=PackageLoader("fedwhy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return environment.get_template("page.html.j2")
