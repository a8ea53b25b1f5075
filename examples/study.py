"""What the studies share: their command line, their pictures, and filling in their pages.

A study is a folder beside this file with a `__main__.py`. From the root of the repository,

    python -m examples.why_stuck_at_chance            # all of it, over three seeds
    python -m examples.why_stuck_at_chance --quick    # a small version, under a minute

The whole one writes `results.json` into its folder, and fills the tables and pictures of its page
in `docs/` from that. The quick one prints its tables and leaves the page as it is.
"""

import argparse
import json
import multiprocessing
import os
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.report.picture import palette, style

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
# Processes of a study; each takes up to two gigabytes.
MOST_AT_ONCE = 4

data = ROOT.parent / "shared" / "data"
if data.is_dir():
    os.environ.setdefault("FEDWHY_DATA_DIR", str(data))


@dataclass(frozen=True)
class Options:
    """What the command line asks for: a small version, and the seeds to repeat it with."""

    quick: bool
    seeds: tuple[int, ...]


def options(description: str) -> Options:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small version, under a minute")
    parser.add_argument("--seeds", default="", help="such as 0,1,2, which is the default")
    given = parser.parse_args()
    if not given.quick and find_spec("matplotlib") is None:
        parser.error('the whole study draws pictures, with matplotlib: pip install ".[pictures]"')
    seeds = given.seeds or ("0" if given.quick else "0,1,2")
    return Options(given.quick, tuple(int(seed) for seed in seeds.split(",")))


def side_by_side(work: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
    """`work(*task)` for each task, in their order, by a process for each core (at most four).

    Each process stays on its core, where the system lets it choose: programs of one thread are the
    fastest way through many tasks.
    """
    may_choose = hasattr(os, "sched_getaffinity")
    cores = sorted(os.sched_getaffinity(0)) if may_choose else [None] * (os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    free: Any = context.Queue()
    for core in cores[:MOST_AT_ONCE]:
        free.put(core)
    os.environ |= {"JAX_NUM_CPU_DEVICES": "1", "JAX_PLATFORMS": "cpu"}
    with context.Pool(min(len(cores), MOST_AT_ONCE), _stay_on_core, (free,)) as pool:
        waiting = [pool.apply_async(work, task) for task in tasks]
        yield from (each.get() for each in waiting)


def _stay_on_core(free: Any) -> None:
    """Takes one of the cores that are free, for this process."""
    core = free.get()
    if core is not None:
        os.sched_setaffinity(0, [core])


def keep(folder: Path, results: Any) -> None:
    """Writes `results.json`, from which the page can be filled again without running."""
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def kept(folder: Path) -> Any:
    """Reads what `keep` wrote."""
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


def percent(values: Iterable[float]) -> str:
    """Shares as percent: their mean, and how far apart the lowest and the highest are.

    >>> percent([0.96, 0.961, 0.974])
    '96.5 (96.0 to 97.4)'
    """
    shares = [100 * value for value in values]
    mean = f"{statistics.mean(shares):.1f}"
    low, high = f"{min(shares):.1f}", f"{max(shares):.1f}"
    return mean if low == high else f"{mean} ({low} to {high})"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def fill(page: Path, parts: Mapping[str, str]) -> None:
    """Puts each part between `<!-- name -->` and `<!-- end of name -->` of the page.

    Raises `ValueError` where the page has no such place.
    """
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"{page.name} has no place for '{name}'")
        text = place.sub(lambda found, part=part: f"{found[1]}\n{part}\n\n{found[2]}", text)
    page.write_text(text, encoding="utf-8")


def curves(
    picture: str,
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    *,
    across: str = "round",
    up: str = "test accuracy",
    chance: float | None = None,
    columns: int = 3,
    limits: tuple[float, float] | None = (0, 1),
) -> Path:
    """Draws `docs/pictures/{picture}.png` and returns its path.

    A panel for each title; in it a line for each name, given as one list of values for each seed,
    from round 0 on: the mean, and a band from the lowest to the highest. `chance` is dotted.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    colours = palette()
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    with rc_context(style(colours)):
        figure = Figure(figsize=(3.6 * columns + 0.6, 2.7 * rows + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (title, lines) in zip(grid, panels.items(), strict=False):
            for number, (name, seeds) in enumerate(lines.items()):
                values = np.asarray(seeds, dtype=float)
                rounds, colour = np.arange(values.shape[1]), colours[f"label-{number}"]
                axes.plot(rounds, values.mean(axis=0), color=colour, label=name)
                axes.fill_between(
                    rounds, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, lw=0
                )
            if chance is not None:
                axes.axhline(chance, color=colours["ink"], linestyle=":", linewidth=1)
            axes.set_title(title, fontsize=10, loc="left")
            axes.set(xlabel=across, ylabel=up)
            if limits:
                axes.set_ylim(*limits)
            axes.grid(axis="y")
            axes.legend(fontsize=8)
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        path = DOCS / "pictures" / f"{picture}.png"
        figure.savefig(path, dpi=110)
    return path
