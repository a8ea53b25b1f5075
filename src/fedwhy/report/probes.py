"""What was tried: each probe is the run with one thing changed, from the same seeds."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from fedwhy.report.facts import Record, number


class Probe(NamedTuple):
    """What a probe gave.

    `before` and `after` are mean scores over its seeds, without and with the change; `recovered`
    is their difference, from `least` to `most` over seeds; None where it was refused, with the
    reason in `error`. `given` are codes of what was repaired already.
    """

    code: str
    what: str
    given: tuple[str, ...]
    before: float | None
    after: float | None
    recovered: float | None
    least: float | None
    most: float | None
    seeds: int
    error: str
    confirmed: bool

    @property
    def label(self) -> str:
        """Its code, after those of what was repaired already."""
        return " + ".join((*self.given, self.code))


class Bar(NamedTuple):
    """Where a probe's bar begins, how wide it is, and its interval, all in percent of the axis."""

    zero: float
    left: float
    width: float
    low: float
    high: float


def probes_of(record: Record) -> list[Probe]:
    """The probes of a diagnosis, those that recovered most first, refused ones last."""
    proved = {f["code"] for f in record["findings"] if f.get("confirmed")}
    probes = [probe(entry, proved) for entry in record.get("probes") or ()]
    return sorted(probes, key=lambda p: (p.recovered is None, -(p.recovered or 0.0)))


def probe(entry: Mapping[str, Any], proved: set[str]) -> Probe:
    """Reads one probe; seeds of which a score is missing are left out."""
    pairs = [
        (before, after)
        for before, after in zip(entry.get("base") or (), entry.get("scores") or (), strict=False)
        if number(before) is not None and number(after) is not None
    ]
    gains = [after - before for before, after in pairs]
    return Probe(
        code=entry["code"],
        what=entry.get("what") or "",
        given=tuple(entry.get("after") or ()),
        before=fmean(before for before, _ in pairs) if pairs else None,
        after=fmean(after for _, after in pairs) if pairs else None,
        recovered=fmean(gains) if pairs else None,
        least=min(gains, default=None),
        most=max(gains, default=None),
        seeds=len(pairs),
        error=entry.get("error") or "",
        confirmed=entry["code"] in proved and bool(pairs) and fmean(gains) > 0,
    )


def bars(probes: Sequence[Probe]) -> list[Bar | None]:
    """A bar for each probe on one axis, which holds zero and all of their intervals."""
    ends = [end for p in probes for end in (p.least, p.most) if end is not None]
    least, most = min(ends, default=0.0), max(ends, default=0.0)
    start, end = min(least, 0.0), max(most, 0.01)

    def place(value: float) -> float:
        return round(100 * (value - start) / (end - start), 2)

    def bar(p: Probe) -> Bar | None:
        if p.recovered is None or p.least is None or p.most is None:
            return None
        left, right = place(min(p.recovered, 0.0)), place(max(p.recovered, 0.0))
        return Bar(place(0.0), left, round(right - left, 2), place(p.least), place(p.most))

    return [bar(p) for p in probes]


def points(value: float | None) -> str:
    """A difference of scores as '+86.1 points'."""
    if value is None:
        return ""
    tenths = round(100 * value, 1) + 0.0
    return f"{tenths:+.1f}".removesuffix(".0") + " points"
