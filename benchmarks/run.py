"""`make bench`: every system on every workload, in turn; writes results.json and RESULTS.md.

python benchmarks/run.py --workloads W1,W2 --systems fedwhy,fedjax --repeats 3
python benchmarks/run.py --quick        # does everything run? its figures mean nothing
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environments
import machine
import measure
import page
import results
from catalogue import SYSTEMS, System
from workloads import CACHE, WORKLOADS, Workload, prepare

HERE = Path(__file__).parent
DEFAULT = [name for name in WORKLOADS if name != "W1c100"]  # that one is for GPUs


def arguments(systems: dict[str, System], default: list[str]) -> argparse.Namespace:
    """The command line, also that of `gpu.py`."""

    def among(known: Any) -> Callable[[str], list[str]]:
        def parse(text: str) -> list[str]:
            wanted = text.split(",")
            unknown = [name for name in wanted if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{unknown}; known are {', '.join(known)}")
            return [name for name in known if name in wanted]

        return parse

    parser = argparse.ArgumentParser(description="Runs the benchmarks.")
    parser.add_argument("--workloads", type=among(WORKLOADS), default=default)
    parser.add_argument("--systems", type=among(systems), default=list(systems))
    parser.add_argument("--rounds", type=int, help="rounds to time (default: the workload's)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each system")
    parser.add_argument("--timeout", type=float, default=1200, help="seconds for one run")
    parser.add_argument("--quick", action="store_true", help="3 rounds, once, to quick.*")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for results")
    return parser.parse_args()


class Bench:
    """Measures workloads; what is known after each is on disk."""

    def __init__(self, args: argparse.Namespace, systems: dict[str, System], device: str = "cpu"):
        self.args, self.device = args, device
        self.systems = [systems[name] for name in args.systems]

    def rounds(self, work: Workload) -> tuple[int, int]:
        """How many rounds to run and how many of them do not count."""
        if self.args.quick:
            return 3, 1
        if self.args.rounds:
            return work.warmup + self.args.rounds, work.warmup
        return work.rounds, work.warmup

    def measure(self, work: Workload) -> dict[str, Any]:
        """A workload's entry for the results."""
        prepare(work)
        count, warmup = self.rounds(work)
        repeats = 1 if self.args.quick else self.args.repeats
        rows: dict[str, Any] = {system.name: {} for system in self.systems}
        peak = 0.0
        with tempfile.TemporaryDirectory() as scratch:
            for repeat in range(repeats):
                peak = max(peak, machine.matrix_peak(self.device))
                for system in self.systems:
                    weights = Path(scratch) / f"{system.name}.npz"
                    self.run(system, work, count, weights, rows[system.name])
                    say(work, repeat, system, rows[system.name])
            results.compare(rows, self.systems, Path(scratch), work)
        session = time.strftime("%Y-%m-%d %H:%M")
        for row in rows.values():
            results.finish(row, work, warmup)
            row |= {"session": session, "peak_gflops": peak}
        return {
            "about": work.about,
            "agree": work.agree,
            "rounds": count,
            "warmup": warmup,
            "repeats": repeats,
            "peak_gflops": peak,
            "when": time.strftime("%Y-%m-%d"),
            "systems": rows,
        }

    def run(
        self, system: System, work: Workload, rounds: int, weights: Path, row: dict[str, Any]
    ) -> None:
        """Runs a system once; a failure becomes its row's status, and it is not tried again."""
        if row.get("status", "ok") != "ok":
            return
        if work.name in system.cannot:
            row["status"] = f"not run: {system.cannot[work.name]}"
            return
        try:
            python = environments.python_of(system.environment)
            options = ["--rounds", str(rounds), "--weights", str(weights), *system.options]
            command = [str(CACHE / work.name), *options]
            record = measure.run_script(python, system.script, command, self.args.timeout)
            results.add_run(row, record, time.strftime("%Y-%m-%d %H:%M"))
        except environments.Unavailable as reason:
            row["status"] = f"cannot be installed: {reason}"
        except measure.Failed as reason:
            row["status"] = f"failed: {reason}".replace("|", "/")


def say(work: Workload, repeat: int, system: System, row: dict[str, Any]) -> None:
    """Prints how a run went."""
    said = row["status"]
    if said == "ok":
        seconds = row["runs"][-1]["seconds"]
        said = f"{min(seconds):.4g} to {max(seconds):.4g} s a round"
    print(f"{work.name} {repeat + 1} {system.label}: {said}", flush=True)


def main(systems: dict[str, System], default: list[str], stem: str, device: str = "cpu") -> None:
    """Measures what was asked for and merges it into the results that are there."""
    args = arguments(systems, default)
    stem = f"quick-{stem}" if args.quick else stem
    file, text = args.out / f"{stem}.json", args.out / f"{stem.upper()}.md"
    bench = Bench(args, systems, device)
    for name in args.workloads:
        entry = bench.measure(WORKLOADS[name])
        known = results.load(file)
        before = known["workloads"].get(name, {}).get("systems", {})
        entry["systems"] = before | entry["systems"]
        known["machine"] = machine.describe()
        known["workloads"][name] = entry
        results.save(file, known)
        page.write(text, known, systems, "Benchmarks" if device == "cpu" else "Benchmarks on a GPU")
    print(f"wrote {text}")


if __name__ == "__main__":
    main(SYSTEMS, DEFAULT, "results")
