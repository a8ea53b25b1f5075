"""What every system's script shares: its arguments, the workload, and the line it prints."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

STARTED = time.perf_counter()


class Task:
    """A prepared workload, see `workloads.py`; examples are memory-mapped until touched."""

    def __init__(self, folder: Path):
        meta = json.loads((folder / "meta.json").read_text())
        self.name: str = meta["name"]
        self.network: str = meta["network"]
        self.batch: int = meta["batch"]
        self.learning_rate: float = meta["learning_rate"]
        self.x: np.ndarray = np.load(folder / "x.npy", mmap_mode="r")
        self.y: np.ndarray = np.load(folder / "y.npy", mmap_mode="r")
        with np.load(folder / "rest.npz") as rest:
            self.offsets: np.ndarray = rest["offsets"]
            self.cohorts: np.ndarray = rest["cohorts"]
            names = sorted(name for name in rest if name.startswith("weights_"))
            self.weights: list[np.ndarray] = [rest[name] for name in names]

    @property
    def clients(self) -> int:
        """How many clients the population has."""
        return len(self.offsets) - 1

    @property
    def cohort(self) -> int:
        """Clients a round."""
        return self.cohorts.shape[1]

    @property
    def large(self) -> bool:
        """Whether the population is too large for a Python object per client."""
        return self.clients > 100_000

    def rows(self, client: int) -> slice:
        """Where a client's examples are."""
        return slice(int(self.offsets[client]), int(self.offsets[client + 1]))

    def batches(self, client: int) -> Iterator[slice]:
        """Where a client's batches are, in their order."""
        rows = self.rows(client)
        for start in range(rows.start, rows.stop, self.batch):
            yield slice(start, min(start + self.batch, rows.stop))


def arguments(**defaults: Any) -> argparse.Namespace:
    """The command line: a workload's folder, how many rounds, where to write the final weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workload", type=Path, help="folder written by workloads.py")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--weights", type=Path, help="write the final weights to this .npz")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    return parser.parse_args()


def report(
    args: argparse.Namespace,
    seconds: Sequence[float],
    setup: float,
    weights: Sequence[np.ndarray],
    packages: Sequence[str],
    **more: Any,
) -> None:
    """Prints the one line of JSON that the runner reads; writes the final weights.

    `setup` is the time from the start of the script to the first round. The first rounds of
    `seconds` include what is compiled at first use.
    """
    if args.weights:
        np.savez(args.weights, **{f"{i:03d}": w for i, w in enumerate(weights)})
    norm = sum(float(np.square(np.asarray(w, np.float64)).sum()) for w in weights) ** 0.5
    line = {
        "seconds": [round(s, 6) for s in seconds],
        "setup_seconds": round(setup, 3),
        "peak_mb": peak_mb(),
        "weights_norm": norm,
        "versions": {name: version(name) for name in packages},
        "python": sys.version.split()[0],
        **more,
    }
    print(json.dumps(line), flush=True)


def peak_mb() -> float:
    """The most memory this process has held; `ru_maxrss` would start with the parent's."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def timed(rounds: int, run: Any) -> list[float]:
    """The seconds of `run(round)` for each round, where `run` returns when its work is done."""
    seconds = []
    for number in range(rounds):
        started = time.perf_counter()
        run(number)
        seconds.append(time.perf_counter() - started)
    return seconds


def since_start() -> float:
    """Seconds since this module was imported, which scripts do first."""
    return time.perf_counter() - STARTED
