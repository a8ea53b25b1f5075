"""The tables and pictures of `docs/why_accuracy_falls.md`."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from examples import study
from examples.why_accuracy_falls.planted import CASES
from examples.why_accuracy_falls.regression import STEPS

PAGE = study.DOCS / "why_accuracy_falls.md"
LEVEL = 3  # Rounds whose mean is a level, so that none is high or low by chance.
Curves = Sequence[Sequence[float]]
ORDERS = "in sequence, the six orders"
WAYS = {
    "weighted": "weighted mean of the three lines",
    "exact": "sums of squares and products, one round",
    "own": "each client by its own line",
}


def levels(curve: Sequence[float]) -> list[float]:
    """Means of consecutive rounds."""
    return [fmean(curve[at : at + LEVEL]) for at in range(1, len(curve) - LEVEL + 1)]


def highest(curves: Curves) -> list[float]:
    """The best level of each seed."""
    return [max(levels(curve)) for curve in curves]


def ends(curves: Curves) -> list[float]:
    """The last level of each seed."""
    return [levels(curve)[-1] for curve in curves]


def fallen(curves: Curves) -> list[float]:
    """By how much the last level of each seed lies below the best."""
    return [best - end for best, end in zip(highest(curves), ends(curves), strict=True)]


def plain(values: Iterable[float], digits: int = 2) -> str:
    """A mean, and how far apart the lowest and the highest are."""
    values = list(values)
    mean, low, high = (f"{v:.{digits}f}" for v in (fmean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def described(curves: Curves) -> tuple[str, str, str]:
    """The best level, the last, and the fall."""
    return tuple(study.percent(of(curves)) for of in (highest, ends, fallen))  # type: ignore


def lines(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """What averaging three lines gives."""
    kinds = list(found.values())
    best = [f"{ORDERS}: best", *(plain(min(one["orders"]) for one in kind) for kind in kinds)]
    worst = [f"{ORDERS}: worst", *(plain(max(one["orders"]) for one in kind) for kind in kinds)]
    again = [
        "ten passes in sequence",
        *(plain(one["repeated"][-1] for one in kind) for kind in kinds),
    ]
    once = ["one pass in sequence", *(plain(one["repeated"][0] for one in kind) for kind in kinds)]
    rest = [
        [name, *(plain(one[way] for one in kind) for kind in kinds)] for way, name in WAYS.items()
    ]
    rows = [best, worst, once, again, *rest]
    return study.table(["one line by", "alike", "unlike"], rows)


def facts(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Numbers for the text."""
    unlike = found["unlike"]
    apart = max(one["from_pooled"] for kind in found.values() for one in kind)
    slopes = [slope for one in unlike for slope in one["slopes"]]
    shares = unlike[0]["shares"]
    after = [f"{share:.3f}" for share in shares]
    return study.table(
        ["", "first", "second", "last"],
        [["after one pass", *after[:3]], ["after ten passes", *after[3:]]],
    ) + (
        f"\n\nSlopes of unlike clients lie between {min(slopes):.2f} and {max(slopes):.2f}, by the "
        f"order alone. The exact solution differs from least squares on the pooled points by "
        f"{apart:.0e} at most; each client sends {unlike[0]['bytes']} bytes, once."
    )


def joined(found: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, Curves]:
    """Curves by name, a list with one for each seed."""
    return {name: [one[name] for one in found] for name in found[0]}


def rounds(found: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """The error by round, of clients that go on from the joined line."""
    rows = []
    for name, errors in joined(found).items():
        at = [min(range(len(one)), key=one.__getitem__) for one in errors]
        least = plain((min(one) for one in errors), 1)
        rows.append([name, least, plain(at, 0), plain((one[-1] for one in errors), 1)])
    return study.table(["between two averages", "least error", "in round", "in the end"], rows)


def planted(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What was planted, and what the diagnosis said."""
    rows = []
    for case in CASES:
        if (one := found.get(case.file)) is None:
            continue
        mended = one["repaired"]
        file = f"[{case.file}.toml](../examples/why_accuracy_falls/{case.file}.toml)"
        named = one["named"] if one["named"] == case.code else f"**{one['named']}**"
        repaired = study.percent(ends(mended)) if mended else "-"
        rows.append([file, case.code, *described(one["as it is"]), named, repaired])
    head = [
        "experiment",
        "planted",
        "highest",
        "in the end",
        "fallen by",
        "named first",
        "repaired",
    ]
    return study.table(head, rows)


def repairs(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What the diagnosis prescribed."""
    rows = [[case.title, found[case.file]["verdict"]] for case in CASES if case.file in found]
    return study.table(["experiment", "`fedwhy diagnose` says"], rows)


def settings(found: Mapping[str, Curves], what: str) -> str:
    """How high each setting came, and where it ended."""
    rows = [[name, *described(curves)] for name, curves in found.items()]
    return study.table([what, "highest", "in the end", "fallen by"], rows)


def links(found: Sequence[Mapping[str, Mapping[str, float]]]) -> str:
    """What slow links cost."""
    rows = [
        [
            name,
            study.percent(one[name]["accuracy"] for one in found),
            plain((one[name]["seconds"] for one in found), 0),
        ]
        for name in found[0]
    ]
    return study.table(["the server", "accuracy", "simulated seconds"], rows)


def dilution(found: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """What clients reach alone, and averaged."""
    rows = [
        [n, *(study.percent(one[way] for one in each) for way in ("alone", "once", "in rounds"))]
        for n, each in found.items()
    ]
    return study.table(["clients", "one alone", "averaged once", "averaged 40 times"], rows)


def remedies(results: Mapping[str, Any]) -> str:
    """What mends it, and what does not."""
    rows = []
    for case, found in results["remedies"].items():
        one = results["planted"][case]
        kept = {"as it is": one["as it is"], **found}
        if one["repaired"]:
            kept[f"the diagnosis: {', '.join(one['repair'])}"] = one["repaired"]
        rows += [[case, name, *described(curves)] for name, curves in kept.items()]
    return study.table(["experiment", "with", "highest", "in the end", "fallen by"], rows)


def personal(found: Sequence[Mapping[str, float]]) -> str:
    """What clients' own models reach."""
    rows = [[name, study.percent(one[name] for one in found)] for name in found[0]]
    return study.table(["a client uses", "accuracy on its own digits"], rows)


def tables(results: Mapping[str, Any]) -> dict[str, str]:
    """Every table of which there are results."""
    made = {
        "lines": lines,
        "rounds": rounds,
        "planted": planted,
        "epochs": lambda found: settings(found, "local training"),
        "warm": lambda found: settings(found, "a trained model goes on with"),
        "server rates": lambda found: settings(found, "server rate"),
        "staleness": lambda found: settings(found, "clients"),
        "links": links,
        "dilution": dilution,
        "personal": personal,
    }
    found = {name: make(results[name]) for name, make in made.items() if name in results}
    if "lines" in results:
        found["facts"] = facts(results["lines"])
    if "planted" in results:
        found["repairs"] = repairs(results["planted"])
    if "remedies" in results:
        found["remedies"] = remedies(results)
    return found


def draw(results: Mapping[str, Any]) -> None:
    """The pictures."""
    panels = {}
    for case in CASES:
        one = results["planted"][case.file]
        repaired = {"repaired": one["repaired"]} if one["repaired"] else {}
        panels[case.title] = {"as it is": one["as it is"], **repaired}
    study.curves("why_accuracy_falls", panels, up="score", columns=4)
    errors = joined(results["rounds"])
    longest = [name for name in errors if name.startswith(str(max(STEPS.values())))]
    zoomed = {"three unlike clients": {n: errors[n] for n in errors if n not in longest[1:]}}
    zoomed["with control variates"] = {name: errors[name] for name in longest}
    study.curves("why_error_rises", zoomed, up="mean squared error", limits=(15, 50))


def write(results: Mapping[str, Any]) -> None:
    """Fills the page."""
    draw(results)
    study.fill(PAGE, tables(results))
