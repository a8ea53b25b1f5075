"""What it costs a round that records say how training goes, on the workloads W1 and W2.

    python benchmarks/monitors.py --before REVISION [--rounds W1=16,W2=300]

writes `MONITORS.md`. Two processes run the same rounds, one with fedwhy as it is here, one as it
was in REVISION, and take turns round by round, so that both meet the same other work on the
machine. What counts are seconds that all cores have worked; the medians and the least are compared.
Everything but the records is the same: one lane on each of two devices, models lowered. The ratio
of turns is that of each round to the one that came just before it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import machine
from workloads import WORKLOADS, prepare

HERE = Path(__file__).parent
WARMUP = 4
ALLOWED = {"W1": 1.0, "W2": 3.0}


class Worker:
    """A process that runs rounds when it is asked to."""

    def __init__(self, workload: str, source: Path):
        script = HERE / "systems" / "turn_about.py"
        self.process = subprocess.Popen(
            [sys.executable, str(script), str(prepare(WORKLOADS[workload])), str(source)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(source)},
        )
        self.asked = False

    def round(self) -> float:
        """The seconds of all cores that one more round takes."""
        if self.asked:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.asked = True
        return float(self.process.stdout.readline())

    def end(self) -> None:
        """Ends the process."""
        self.process.stdin.close()
        self.process.wait()


def source_of(revision: str, folder: Path) -> Path:
    """The package's source as it was in `revision`, put into `folder`."""
    archive = subprocess.run(
        ["git", "archive", revision, "src"], cwd=HERE.parent, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder / "src"


def measure(workload: str, before: Path, rounds: int) -> list[tuple[float, float]]:
    """Seconds of each turn: (as it was, as it is)."""
    workers = [Worker(workload, source) for source in (before, HERE.parent / "src")]
    turns = []
    for number in range(WARMUP + rounds):
        order = (0, 1) if number % 2 else (1, 0)
        seconds = {which: workers[which].round() for which in order}
        turns.append((seconds[0], seconds[1]))
    for worker in workers:
        worker.end()
    return turns[WARMUP:]


def row(workload: str, turns: list[tuple[float, float]]) -> str:
    """A row of the table."""
    was, now = zip(*turns, strict=True)

    def percent(ratio: float) -> str:
        return f"{100 * (ratio - 1):+.1f} %"

    cells = (
        workload,
        str(len(turns)),
        f"{median(was):.4g}",
        f"{median(now):.4g}",
        percent(median(now) / median(was)),
        percent(min(now) / min(was)),
        percent(median(n / w for w, n in turns)),
        f"{ALLOWED[workload]:g} %",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measures, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", required=True, help="a git revision")
    parser.add_argument("--rounds", default="W1=16,W2=300")
    arguments = parser.parse_args()
    counts = dict(each.split("=") for each in arguments.rounds.split(","))
    with tempfile.TemporaryDirectory() as folder:
        before = source_of(arguments.before, Path(folder))
        rows = [row(name, measure(name, before, int(count))) for name, count in counts.items()]
    facts = machine.describe()
    page = [
        "# What monitors cost",
        "",
        "Made by `python benchmarks/monitors.py`, whose header explains it, on "
        f"{facts['processor']}, {facts['cores']} cores, at a load of {os.getloadavg()[2]:.1f} in "
        "the last 15 minutes.",
        "",
        "| workload | rounds each | seconds without, median | with | by medians | by the least "
        "| by turns | allowed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    (HERE / "MONITORS.md").write_text("\n".join(page) + "\n")
    print("\n".join(page))


if __name__ == "__main__":
    main()
