"""The workloads: for each, the same data, clients, cohorts, batches and first weights for everyone.

`python benchmarks/workloads.py W1 W2` writes the folders `.cache/W1` and `.cache/W2`. One holds

- `x.npy`, `y.npy`: the examples of all clients, one client after another; W6's are of gigabytes,
  so they are files of their own, which can be memory-mapped
- `rest.npz`: `offsets` int64 `[clients + 1]` (client c owns the rows `offsets[c]:offsets[c + 1]`),
  `cohorts` int64 `[rounds, cohort]` (who trains in which round), and `weights_000`, ..., the first
  weights in the order and layout of `networks.py`
- `meta.json`: the fields of `Workload`

A round passes once over the examples of each client of its cohort, in the order in which they are
stored, in batches of `batch`; the last one may be smaller.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import networks
import numpy as np
import sources

CACHE = Path(__file__).parent / ".cache"
MOST_ROUNDS = 200


@dataclass(frozen=True)
class Workload:
    """One workload; `rounds` are timed by default, of which the first `warmup` do not count."""

    name: str
    network: str
    about: str
    clients: int
    cohort: int
    batch: int
    learning_rate: float
    rounds: int
    warmup: int
    examples: int | None = None  # of each client; None where they differ
    agree: float = 0.01  # how far apart models may end: far above rounding, far below a lost batch


def scale(population: int) -> Workload:
    """W6 at one size of the population."""
    power = len(str(population)) - 1
    about = f"softmax regression, synthetic population of 10^{power}, 1,000 a round, batch 10"
    return Workload(f"W6e{power}", "softmax16", about, population, 1000, 10, 0.1, 14, 6)


W1 = "two 3x3 convolutions (32, 64), max pool, dense 128"
WORKLOADS = {
    w.name: w
    for w in (
        Workload("W1", "cnn", f"{W1}; 10 x 600, batch 20", 10, 10, 20, 0.01, 8, 4, 600, 0.05),
        Workload(
            "W1c100", "cnn", f"{W1}; 100 x 600, batch 20", 100, 100, 20, 0.01, 6, 3, 600, 0.05
        ),
        Workload(
            "W2",
            "mlp",
            "MLP 784-200-200-10; 10 x 600, batch 10",
            10,
            10,
            10,
            0.05,
            30,
            5,
            600,
            0.05,
        ),
        Workload(
            "W3",
            "softmax",
            "softmax regression; 2,000 clients of lognormal size, 100 a round, batch 10",
            2000,
            100,
            10,
            0.05,
            40,
            10,
        ),
        Workload(
            "W4",
            "mobilenet",
            "MobileNet (alpha 0.25, 32x32, group norm); 10 x 100, batch 20",
            10,
            10,
            20,
            1e-5,  # 27 normalised layers are chaotic: at 0.002, float32 and float64 part in 5 steps
            10,
            4,
            100,
            agree=0.1,
        ),
        Workload(
            "W5",
            "lstm",
            "characters, 2 LSTM layers of 256; Shakespeare's roles, 10 a round, batch 4",
            0,  # as many as there are roles with a full sequence
            10,
            4,
            0.5,
            8,
            3,
        ),
        *(scale(10**power) for power in (4, 5, 6, 7)),
    )
}


def cohorts(population: int, size: int, seed: int = 0) -> np.ndarray:
    """Who trains in which round: fedwhy's own sampling, so that it needs no special door."""
    if size == population:
        return np.tile(np.arange(population), (MOST_ROUNDS, 1))
    draws = (np.random.default_rng([seed, r]) for r in range(1, MOST_ROUNDS + 1))
    return np.stack([np.sort(rng.choice(population, size, replace=False)) for rng in draws])


def lognormal_sizes(clients: int, seed: int = 0) -> np.ndarray:
    """Sizes of about 30 on average and at least 1 (sigma 1: a few clients hold hundreds)."""
    drawn = np.random.default_rng(seed).lognormal(np.log(30) - 0.5, 1.0, clients)
    return np.maximum(drawn.round().astype(np.int64), 1)


def examples(work: Workload) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`x`, `y` and the clients' sizes."""
    if work.network == "lstm":
        return sources.shakespeare(length=80)
    if work.network == "softmax16":
        return sources.synthetic(work.clients)
    x, y = sources.mnist()
    n = work.clients
    sizes = np.full(n, work.examples) if work.examples else lognormal_sizes(n)
    rows = np.random.default_rng(1).permutation(len(y))
    rows = np.resize(rows, sizes.sum())  # W3 may need a few more than MNIST has: they repeat
    x, y = x[rows], y[rows]
    if work.network in ("mlp", "softmax"):
        x = x.reshape(len(x), -1)
    if work.network == "mobilenet":
        x = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return x, y, sizes


def prepare(work: Workload) -> Path:
    """Writes the workload's folder, unless it is there as described; returns its path."""
    path, meta = CACHE / work.name, json.dumps(asdict(work), indent=1)
    if path.exists() and (path / "meta.json").read_text() == meta:
        return path
    x, y, sizes = examples(work)
    weights = networks.first_weights(work.network)
    partial = CACHE / f"{work.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    np.save(partial / "x.npy", x)
    np.save(partial / "y.npy", y)
    np.savez(
        partial / "rest.npz",
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        cohorts=cohorts(len(sizes), work.cohort),
        **{f"weights_{i:03d}": w for i, w in enumerate(weights)},
    )
    (partial / "meta.json").write_text(meta)
    shutil.rmtree(path, ignore_errors=True)
    return partial.rename(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes workload files.")
    parser.add_argument("names", nargs="+", choices=list(WORKLOADS))
    for name in parser.parse_args().names:
        print(prepare(WORKLOADS[name]))
