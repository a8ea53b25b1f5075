"""Robust rules against ByzFL, on 1,000 random inputs each.

    python benchmarks/oracles/robust.py [--inputs 1000] [--python PYTHON_WITH_BYZFL]

writes `ROBUST.md`, and `tests/aggregators/robust/vectors.npz`: a few inputs of each rule with
ByzFL's answers, which the tests read without it. ByzFL 0.0.11 answers in float64, in an
environment of its own (`../requirements/byzfl.txt`), and fedwhy in float32. Each input is so many
updates of so many numbers, some of them far off, in a stack with further rows that hold garbage.
Differences are relative to the largest number of the answer, or to the median of the inputs'
where that is larger.

Where definitions differ, fedwhy is asked for ByzFL's:

- Krum and multi-Krum: ByzFL sums over n - f - 1 neighbours, the paper and fedwhy over n - f - 2;
  so fedwhy is told of one Byzantine client fewer, and to average n - f updates.
- Geometric median: ByzFL's smoothing is 0.1 where fedwhy's, as the paper's, is 1e-6. Both begin
  from zero. ByzFL leaves out updates with infinite numbers, fedwhy refuses them before.
- Centred clipping: ByzFL's tau is 100 unless given. Both begin from zero and remember.
- Medians of an even number are the mean of the middle two in both, for ByzFL in NumPy; with PyTorch
  it takes the lower one.
- MDA: of several subsets with the least diameter ByzFL takes the first, fedwhy the one with the
  least sum of squared distances. Inputs with several are counted as ties, and only the diameter of
  what fedwhy takes is compared.
- Bulyan and norm bounding are not compared: ByzFL has no Bulyan, and its clipping is one line.
- Bucketing is random, so ByzFL's is given the permutation that fedwhy has drawn.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
VECTORS = HERE.parent.parent / "tests" / "aggregators" / "robust" / "vectors.npz"
SLOTS, SIZES, KEPT, LIMIT = 16, (1, 5, 32), 6, 1e-5
RULES = (
    "median",
    "trimmed_mean",
    "meamed",
    "krum",
    "multi_krum",
    "geometric_median",
    "centred_clipping",
    "mda",
    "nearest_neighbour_mixing",
    "bucketing",
)


def inputs(rule: str, number: int) -> tuple[np.ndarray, int]:
    """Updates float32 `[n, d]` of input `number`, and how many of them may be Byzantine."""
    rng = np.random.default_rng([RULES.index(rule), number])
    byzantine, size = int(rng.integers(1, 4)), SIZES[number % len(SIZES)]
    updates = rng.normal(size=(int(rng.integers(2 * byzantine + 3, SLOTS - 2)), size))
    far = rng.choice(len(updates), byzantine, replace=False)
    updates[far] *= 10 ** rng.uniform(0, 3)
    return (updates + rng.normal(size=size)).astype(np.float32), byzantine


def places(count: int) -> np.ndarray:
    """Where in the stack `count` updates lie."""
    return np.sort(np.random.default_rng(count).permutation(SLOTS)[:count])


def answer(rule: str, updates: np.ndarray, f: int, order: np.ndarray) -> np.ndarray:
    """What ByzFL makes of `updates` float64; `order` is the permutation for its buckets."""
    byzfl = imported()

    def bucketing(rows: np.ndarray) -> np.ndarray:
        shuffled, np.random.permutation = np.random.permutation, lambda rows: rows[order]
        try:
            return byzfl.Median()(byzfl.Bucketing(s=2)(rows))
        finally:
            np.random.permutation = shuffled

    def two_rounds(rows: np.ndarray) -> np.ndarray:
        clipping = byzfl.CenteredClipping(L=2, tau=3.0)
        clipping(rows)
        return clipping(-rows)

    rules: dict[str, Callable[..., Any]] = {
        "median": byzfl.Median(),
        "trimmed_mean": byzfl.TrMean(f),
        "meamed": byzfl.Meamed(f),
        "krum": byzfl.Krum(f),
        "multi_krum": byzfl.MultiKrum(f),
        "geometric_median": byzfl.GeometricMedian(nu=0.1, T=3),
        "centred_clipping": two_rounds,
        "mda": byzfl.MDA(f),
        "nearest_neighbour_mixing": lambda rows: byzfl.Average()(byzfl.NNM(f)(rows)),
        "bucketing": bucketing,
    }
    return rules[rule](updates)


def imported() -> Any:
    """The module byzfl without its benchmark, which needs a torchvision that fits PyTorch."""
    sys.modules.setdefault("byzfl.benchmark", ModuleType("byzfl.benchmark"))
    return importlib.import_module("byzfl")


def ours(rule: str, f: int, count: int) -> Any:
    """The aggregator of fedwhy, asked for what ByzFL means by it."""
    from fedwhy import aggregators

    mean = aggregators.trimmed_mean(byzantine=0)
    special: dict[str, Callable[[], Any]] = {
        "median": lambda: aggregators.median(),
        "krum": lambda: aggregators.krum(byzantine=f - 1),
        "multi_krum": lambda: aggregators.multi_krum(byzantine=f - 1, selected=count - f),
        "geometric_median": lambda: aggregators.geometric_median(smoothing=0.1, iterations=3),
        "centred_clipping": lambda: aggregators.centred_clipping(tau=3.0, iterations=2),
        "nearest_neighbour_mixing": lambda: aggregators.nearest_neighbour_mixing(mean, byzantine=f),
        "bucketing": lambda: aggregators.bucketing(2, aggregators.median()),
    }
    return special[rule]() if rule in special else aggregators.RULES[rule](byzantine=f)


def compared(count: int, answers: Any) -> None:
    """Writes the table of differences and the vectors; exits with 1 where one is large."""
    lines = [
        "# Robust rules against ByzFL 0.0.11",
        "",
        "Made by `python benchmarks/oracles/robust.py`, whose header explains it.",
        "",
        "| rule | inputs | ties | greatest difference | over 1e-5 |",
        "| --- | --- | --- | --- | --- |",
    ]
    vectors, worst = {}, 0.0
    for rule in RULES:
        differences, ties, kept = [], 0, []
        for number in range(count):
            updates, f = inputs(rule, number)
            expected, found = answers[f"{rule}_{number}"], aggregate(rule, updates, f)
            if rule == "mda" and (subsets := several(updates, f)):
                ties += 1
                expected = min(subsets, key=lambda subset: np.abs(subset - found).max())
            typical = np.median(np.abs(updates))  # Attackers' numbers are a thousand times larger.
            size = max(typical, np.abs(expected).max())
            differences.append(np.abs(found - expected).max() / size)
            if updates.shape[1] == SIZES[1] and f == 2 and len(kept) < KEPT:
                kept.append((updates, expected))
        for number, (updates, expected) in enumerate(kept):
            vectors |= {f"{rule}_{number}_updates": updates, f"{rule}_{number}_answer": expected}
        over = sum(d > LIMIT for d in differences)
        worst = max(worst, *differences)
        lines.append(f"| {rule} | {count} | {ties} | {max(differences):.1e} | {over} |")
        print(lines[-1], flush=True)
    (HERE / "ROBUST.md").write_text("\n".join(lines) + "\n")
    np.savez_compressed(VECTORS, **vectors)
    sys.exit(int(worst > LIMIT))


PROGRAMS: dict[tuple[str, int, int], Callable[..., Any]] = {}


def aggregate(rule: str, updates: np.ndarray, f: int) -> np.ndarray:
    """What fedwhy makes of `updates` between rows of garbage; of centred clipping's two rounds."""
    import jax

    from fedwhy.aggregators import Stack

    key = rule, f, len(updates) if rule == "multi_krum" else 0
    if key not in PROGRAMS:
        PROGRAMS[key] = jax.jit(ours(rule, f, len(updates)).decode)
    rows, sent = np.full((SLOTS, updates.shape[1]), np.nan, np.float32), np.zeros(SLOTS, bool)
    rows[places(len(updates))], sent[places(len(updates))] = updates, True
    position = np.arange(SLOTS, dtype=np.int32)
    state = ours(rule, f, len(updates)).init(rows[0])
    decoded = PROGRAMS[key](Stack(rows, sent, position), state, jax.random.key(0))
    if rule == "centred_clipping":
        again = Stack(-rows, sent, position)
        decoded = PROGRAMS[key](again, decoded.state, jax.random.key(0))
    return np.asarray(decoded.aggregate)


def several(updates: np.ndarray, f: int) -> list[np.ndarray]:
    """The means of all subsets with the least diameter, if there are several."""
    rows = updates.astype(float)
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    subsets = [list(s) for s in itertools.combinations(range(len(rows)), len(rows) - f)]
    diameters = np.array([apart[np.ix_(s, s)].max() for s in subsets])
    least = np.flatnonzero(diameters <= diameters.min() * (1 + 1e-6))
    return [rows[subsets[k]].mean(axis=0) for k in least] if len(least) > 1 else []


def orders() -> dict[str, np.ndarray]:
    """For so many updates, the order in which fedwhy puts them into buckets."""
    import jax

    at_random, _ = jax.random.split(jax.random.key(0))
    drawn = np.array([jax.random.uniform(jax.random.fold_in(at_random, n)) for n in range(SLOTS)])
    return {str(n): np.argsort(drawn[places(n)], kind="stable") for n in range(1, SLOTS + 1)}


def main() -> None:
    """Has ByzFL answer in its environment, and compares."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--python", help="one that has byzfl; an environment is made, if not given")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        order = dict(np.load(arguments.answer))
        answers = {}
        for rule, number in itertools.product(RULES, range(arguments.inputs)):
            updates, f = inputs(rule, number)
            given = updates.astype(float), f, order[str(len(updates))]
            answers[f"{rule}_{number}"] = answer(rule, *given)
        np.savez(arguments.answer, **answers)
        return
    if arguments.python is None:
        sys.path.append(str(HERE.parent))
        import environments

        arguments.python = str(environments.python_of("byzfl"))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "answers.npz")
        np.savez(file, **orders())
        command = [arguments.python, __file__, "--inputs", str(arguments.inputs)]
        subprocess.run([*command, "--answer", file], check=True)
        compared(arguments.inputs, np.load(file))


if __name__ == "__main__":
    main()
