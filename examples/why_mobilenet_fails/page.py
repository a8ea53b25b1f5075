"""The tables and the picture of the page, made of what the runs gave."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from examples.study import DOCS, curves, fill, kept, percent, table
from examples.why_mobilenet_fails.attribution import APART, SHARDS, STATISTICS, in_order, parts
from examples.why_mobilenet_fails.cases import FOLDER
from examples.why_mobilenet_fails.running import DIAGNOSIS

Results = Mapping[str, dict[str, Any]]

# Training accuracy, measured with TensorFlow Federated 0.87; test accuracy was 0.09 to 0.10.
TFF = (0.155, 0.188, 0.228, 0.311, 0.403, 0.521, 0.614, 0.697, 0.748, 0.773, 0.800, 0.817)


class Rule(NamedTuple):
    """The cases with a rule for the moving statistics, and what of their results is shown.

    The test accuracy is, where no key says otherwise; a case without a name was not run.
    """

    shuffled: str = ""
    shuffled_key: str = ""
    shards: str = ""
    shards_key: str = "test_accuracy"


# The rows of the tables: what is said of a run, and which it is.
RULES = {
    "left behind, as TFF does": Rule("as in TFF", shards="shards", shards_key="left behind"),
    "averaged, with Keras's momentum of 0.99": Rule("slow statistics"),
    "averaged, with momentum 0.9": Rule("repaired", shards="shards"),
    "left behind, and taken anew at the end": Rule(
        "as in TFF", "taken anew", "shards", "taken anew"
    ),
    "kept at the clients (FedBN), momentum 0.9: their own models, own digits": Rule(
        "own statistics", "own", "own statistics, shards", "own"
    ),
    "averaged, and fixed after a third of the steps (FixBN), models averaged every second step": (
        Rule(shards="fixed statistics, shards")
    ),
    "none: group normalisation": Rule("groups", shards="groups, shards"),
}
BLAMED = {
    "nothing": "repaired",
    "one place, not ten clients": "one place",
    "client rate 0.01, not 0.05": "client rate 0.01",
    "server rate 0.5, not 1": "server rate 0.5",
    "Adam at the server, rate 1.0": "server Adam 1.0",
    "Adam at the server, rate 0.01": "server Adam 0.01",
    "images sorted by digit, not shuffled": "sorted",
    "sorted, with a shuffle buffer of 100": "sorted, buffer of 100",
}
SMALL = {
    "two convolutions (41,866 parameters)": "two convolutions",
    "the same, two digits a client": "two convolutions, shards",
    "the same, Adam 0.001 at clients and Adam 1.0 at the server": "two convolutions, both Adam",
    "one convolution (36,170 parameters)": "one convolution",
}


def write(results: Results) -> None:
    """Draws the picture and fills the tables of the page."""
    draw(results)
    page = DOCS / "why_mobilenet_fails.md"
    fill(
        page,
        {
            "reproduced": reproduced(results),
            "diagnosis": said(results),
            "statistics": by_rule(results),
            "blamed": blamed(results),
            "small networks": small(results),
            "the gap of shuffled clients": attributed(results, [STATISTICS, APART]),
            "the gap of label shards": attributed(results, [STATISTICS, SHARDS, APART]),
            "distance": distance(results),
        },
    )


def of(results: Results, name: str) -> list[dict[str, Any]]:
    """A case's results, one for each seed."""
    mine = [key for key in results if key.rpartition(" ")[0] == name]
    return [results[key] for key in sorted(mine)]


def last(results: Results, name: str, what: str = "test_accuracy") -> list[float]:
    """What a case ended with, by seed."""
    values = [result[what] for result in of(results, name) if what in result]
    return [value[-1] if isinstance(value, list) else value for value in values]


def shown(results: Results, name: str, what: str = "test_accuracy") -> str:
    """The same in percent; nothing where it was not measured."""
    values = last(results, name, what)
    return percent(values) if values else ""


def after_12(results: Results, name: str) -> str:
    """The test accuracy of a case after as many rounds as TFF was measured for, in percent."""
    values = [line[len(TFF)] for line in by_round(results, name)]
    return percent(values) if values else ""


def by_work(results: Results, name: str, rounds: int) -> list[list[float]]:
    """The curve of a case as if what it does in all of its rounds were done in so many."""
    lines = np.array(by_round(results, name))
    at = np.linspace(0, lines.shape[1] - 1, rounds + 1)
    return [list(np.interp(at, np.arange(len(line)), line)) for line in lines]


def by_round(results: Results, name: str, what: str = "test_accuracy") -> list[list[float]]:
    """A curve for each seed, a value for each round; between two tests, on a straight line."""
    lines = []
    for result in of(results, name):
        rounds = np.arange(len(result["train_accuracy"]) + 1)
        if what == "train_accuracy":
            lines.append([float("nan"), *result[what]])
        else:
            lines.append(list(np.interp(rounds, result["tested"], result[what])))
    return lines


def draw(results: Results) -> None:
    """The stuck run and TFF's, the repaired ones, and those on label shards."""
    curves(
        "why_mobilenet_fails",
        {
            "stuck: statistics left behind": {
                "TFF 0.87, training": [[float("nan"), *TFF]],
                "fedwhy, training": by_round(results, "as in TFF", "train_accuracy"),
                "fedwhy, test": by_round(results, "as in TFF"),
            },
            "repaired, on the test images": {
                "one place": by_round(results, "one place"),
                "averaged, momentum 0.9": by_round(results, "repaired"),
                "averaged, momentum 0.99": by_round(results, "slow statistics"),
                "left behind": by_round(results, "as in TFF"),
            },
            "two digits a client, on the test images": {
                "one place": by_round(results, "one place"),
                "averaged, momentum 0.9": by_round(results, "shards"),
                "and fixed, 15 short rounds in one": by_work(
                    results, "fixed statistics, shards", 18
                ),
            },
        },
        up="accuracy",
        chance=0.1,
    )


def reproduced(results: Results) -> str:
    """The curve of TFF beside that of `state = "frozen"`."""
    trained = np.mean(by_round(results, "as in TFF", "train_accuracy"), axis=0)[1:]
    tested = np.mean(by_round(results, "as in TFF"), axis=0)[1:]
    rows = [
        [str(number), f"{tff:.3f}", f"{train:.3f}", f"{test:.3f}"]
        for number, (tff, train, test) in enumerate(zip(TFF, trained, tested, strict=True), start=1)
    ]
    return table(["round", "TFF 0.87, training", "fedwhy, training", "fedwhy, test"], rows)


def said(results: Results) -> str:
    """What the diagnosis says, and what it changes."""
    (found,) = of(results, DIAGNOSIS)
    code, title, confirmed = found["findings"][0]
    changed = [f"{section}.{key} = {value!r}" for section, key, value in found["changes"]]
    lines = [found["verdict"], "", f"{code} {title}{' (proved)' * confirmed}", *changed]
    return "\n".join(["```text", *lines, "```"])


def by_rule(results: Results) -> str:
    """What becomes of the moving statistics, and what that does."""
    rows = [
        [
            rule,
            shown(results, case.shuffled, case.shuffled_key)
            if case.shuffled_key
            else after_12(results, case.shuffled),
            shown(results, case.shards, case.shards_key),
        ]
        for rule, case in RULES.items()
    ]
    return table(["moving statistics", "shuffled, 12 rounds, %", "two digits, 18 rounds, %"], rows)


def blamed(results: Results) -> str:
    """What is changed in the repaired run, and the same with the statistics left behind."""
    rows = [
        [change, shown(results, name, "left behind"), after_12(results, name)]
        for change, name in BLAMED.items()
        if of(results, name)
    ]
    rows[0][1] = after_12(results, "as in TFF")
    return table(["what is changed", "left behind, %", "averaged, %"], rows)


def small(results: Results) -> str:
    """The networks that are proposed instead."""
    found = {what: name for what, name in SMALL.items() if of(results, name)}
    return table(["network", "%"], [[what, shown(results, name)] for what, name in found.items()])


def attributed(results: Results, causes: Sequence[str]) -> str:
    """Each cause's part of the gap to the run at one place, in points, in two ways; and the gap."""
    names = ("one place", "repaired", *["shards"] * (SHARDS in causes))
    seeds = range(min(len(of(results, name)) for name in names))
    score = [scores(results, seed, SHARDS in causes) for seed in seeds]
    ways = [[way(causes, each) for each in score] for way in (in_order, parts)]
    rows = [
        [cause, *(percent([part[cause] for part in found]) for found in ways)] for cause in causes
    ]
    gaps = [percent([sum(part.values()) for part in found]) for found in ways]
    head = ["cause", "mended in this order", "in any order, the mean"]
    return table(head, [*rows, ["the whole gap", *gaps]])


def scores(results: Results, seed: int, shards: bool) -> Callable[[frozenset[str]], float]:
    """What a run reaches once some causes are mended; `shards`: whether skew is one of them."""

    def score(mended: frozenset[str]) -> float:
        skewed = shards and SHARDS not in mended
        name = "one place" if APART in mended else "shards" if skewed else "repaired"
        return last(results, name, "test_accuracy" if STATISTICS in mended else "left behind")[seed]

    return score


def distance(results: Results) -> str:
    """How far the repaired runs are from the one at one place, in points."""
    central, rows = last(results, "one place"), []
    for what, (name, measured) in {
        "shuffled clients": ("repaired", "test_accuracy"),
        "two digits a client": ("shards", "test_accuracy"),
        "two digits a client, repaired": ("fixed statistics, shards", "test_accuracy"),
        "two digits a client, own models on own digits": (*("own statistics, shards", "own"),),
    }.items():
        ours = last(results, name, measured)
        behind = [there - here for there, here in zip(central, ours, strict=False)]
        rows.append([what, percent(central), percent(ours), percent(behind)])
    return table(["", "one place, %", "federated, %", "points behind"], rows)


def stuck_and_repaired(result: Mapping[str, Any]) -> str:
    """The small version: one run, whose weights are tested in both ways."""
    trained = f"{result['train_accuracy'][-1]:.3f}"
    rows = [
        ["left behind, as TFF does", trained, f"{result['left behind']:.3f}"],
        ["averaged, momentum 0.9", trained, f"{result['test_accuracy'][-1]:.3f}"],
    ]
    return table(["moving statistics", "training accuracy", "test accuracy"], rows)


if __name__ == "__main__":
    write(kept(FOLDER))
