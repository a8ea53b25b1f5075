"""What is found, each as a block that can be read without the others."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fedwhy.report.changes import Line, diff
from fedwhy.report.facts import Record
from fedwhy.report.markdown import to_html
from fedwhy.report.probes import Probe, points, probes_of
from fedwhy.report.wording import as_sentence, flatten, percent, plural, setting

LONGEST = 200  # characters of a number's text


class Block(NamedTuple):
    """A finding: what it is, how sure that is, and what to change.

    `gain` is what a run without it recovered; `proof` says in words how that was found. `edit` are
    words that follow "with"; `diff` says it in the experiment file, `code` in the user's own.
    `page` is HTML.
    """

    code: str
    title: str
    severity: str
    confirmed: bool
    gain: str
    why: str
    proof: str
    edit: str
    diff: Sequence[Line]
    own_code: str
    numbers: Sequence[tuple[str, str]]
    page: str


def blocks(record: Record) -> list[Block]:
    """The findings of a diagnosis, in their order."""
    findings, probes = record["findings"], probes_of(record)
    codes = {f["code"] for f in findings}
    return [block(f, record, probes, codes) for f in findings]


def block(
    finding: Mapping[str, Any], record: Record, probes: Sequence[Probe], codes: set[str]
) -> Block:
    """One finding."""
    edit = finding.get("prescription") or {}
    numbers = flatten(finding.get("evidence") or {})
    return Block(
        code=finding["code"],
        title=finding["title"],
        severity=finding.get("severity") or "note",
        confirmed=bool(finding.get("confirmed")),
        gain=points(finding.get("recovered")),
        why=as_sentence(finding.get("why") or ""),
        proof=proof(finding, probes),
        edit=edit.get("what") or "",
        diff=diff(finding.get("changes") or (), record.get("settings") or {}),
        own_code=edit.get("code") or "",
        numbers=[(name.replace("_", " "), short(setting(v))) for name, v in numbers.items()],
        page=to_html(finding.get("page") or "", codes),
    )


def proof(finding: Mapping[str, Any], probes: Sequence[Probe]) -> str:
    """How a finding was put to the test, in a sentence."""
    own = [p for p in probes if p.code == finding["code"]]
    if not own:
        return "" if finding.get("confirmed") else "It was not put to the test."
    run = nearest(own, finding.get("recovered"))
    given = f", where {' and '.join(run.given)} was repaired" if run.given else ""
    if run.before is None:
        return f"It could not be put to the test{given}: {run.error or 'its run gave no score'}."
    before, after = percent(run.before), percent(run.after)
    became = f"{before} became {after}" if before != after else f"it stayed at {after}"
    seeds = f", the mean of {run.seeds} seeds" if run.seeds > 1 else ""
    if finding.get("confirmed"):
        return f"Proved by a run{given}: with {run.what}, {became}{seeds}."
    doubt = ""
    if before != after and (run.recovered or 0.0) > 0:
        doubt = ", which may be chance" if run.seeds > 1 else ", from one seed only"
    return f"Not proved by a run{given}: with {run.what}, {became}{seeds}{doubt}."


def nearest(own: Sequence[Probe], recovered: float | None) -> Probe:
    """The probe that the finding's number is of; the best one without a number."""
    if recovered is None:
        return own[0]
    return min(own, key=lambda p: abs((p.recovered or 0.0) - recovered))


def tried(probes: Sequence[Probe]) -> str:
    """How many runs were tried, as the hint of their table."""
    proved = sum(p.confirmed for p in probes)
    return (
        f"{len(probes)} run{plural(len(probes))}, each with one thing changed, from the same "
        f"seed{plural(max((p.seeds for p in probes), default=1))}; {proved} of them proved a "
        "cause. A bar is what the change recovered, the mean over seeds; its whisker reaches from "
        "the worst seed to the best."
    )


def short(text: str) -> str:
    """A text that is not too long for a cell of a table."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
