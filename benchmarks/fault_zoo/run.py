"""Runs the diagnosis over the zoo, in processes of one thread each.

    python -m fault_zoo.run --half tuning
    python -m fault_zoo.run --half held-out --only FW106
    python -m fault_zoo.run --quick --out quick.jsonl

One JSON line for each instance goes to `results.jsonl`, as soon as it is there; those that are
there already are not run again. `score` makes the page of it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from fault_zoo import check
from fault_zoo.plan import HALVES, Instance, in_turn, plan, quick
from fedwhy.diagnosis.search.runs import outcome
from fedwhy.errors import FedwhyError

RESULTS = Path(__file__).parent / "results.jsonl"
# The worst case of some 60 instances is what a process is trusted with: its programs add up.
AT_MOST = 60
ONE_THREAD = {
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_cpu_multi_thread_eigen=false",
    "OMP_NUM_THREADS": "1",
}


def diagnosed(instance: Instance, budget: float) -> dict[str, Any]:
    """What the diagnosis says of an instance, or how it failed, ready for JSON."""
    from fedwhy.diagnosis import diagnose_setup

    row = {"id": instance.id, "half": instance.half, "codes": instance.codes}
    began = time.monotonic()
    try:
        setup = instance.setup
        found = diagnose_setup(setup, budget=budget)
    except Exception:  # A diagnosis that breaks is a result, and the worst.
        return {**row, "failed": traceback.format_exc(), "seconds": time.monotonic() - began}
    return {
        **row,
        "findings": [
            {
                "code": finding.code,
                "severity": str(finding.severity),
                "confirmed": bool(finding.confirmed),
                "recovered": finding.recovered,
            }
            for finding in found.findings
        ],
        "baseline": found.baseline_accuracy,
        "repaired": found.repaired_accuracy,
        "centralised": found.centralised_accuracy,
        "seconds": found.seconds,
        "trained_again": None if found.repaired is None else trained(found.repaired),
    }


def trained(setup: Any) -> float:
    """The score of the repaired run, trained here as the healthy and the faulty one were."""
    try:
        return outcome(setup, min(check.ROUNDS, setup.rounds), setup.seed).score
    except FedwhyError:
        return 0.0


def chosen(options: argparse.Namespace) -> list[Instance]:
    """The instances that the options ask for, without faults that are known to cost nothing."""
    effects = check.known()
    instances: Iterable[Instance] = quick() if options.quick else plan()
    if options.half:
        instances = (i for i in instances if i.half == options.half)
    if options.only:
        instances = (i for i in instances if options.only in i.codes)
    if options.healthy:
        instances = (i for i in instances if not i.faults)
    return in_turn(i for i in instances if check.counts(i, effects))


def done(path: Path) -> set[str]:
    """Ids of the instances that are there already."""
    if not path.exists():
        return set()
    return {json.loads(line)["id"] for line in path.read_text().splitlines()}


def main() -> None:
    """Runs what is asked for and not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES)
    parser.add_argument("--only", metavar="CODE", help="the instances of one cause")
    parser.add_argument("--healthy", action="store_true", help="only those without a fault")
    parser.add_argument("--quick", action="store_true", help="about 25 cheap ones")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--budget", type=float, default=60.0, help="seconds for each")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)
    there = done(options.out)
    left = [instance for instance in chosen(options) if instance.id not in there]
    print(f"{len(left)} to do, {len(there)} are there", flush=True)
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(options.processes, context, max_tasks_per_child=AT_MOST) as pool,
        options.out.open("a") as lines,
    ):
        futures = [pool.submit(diagnosed, instance, options.budget) for instance in left]
        for future in as_completed(futures):
            row = future.result()
            lines.write(json.dumps(row, default=float) + "\n")
            lines.flush()
            said = [finding["code"] for finding in row.get("findings", [])[:3]]
            print(f"{row['seconds']:5.1f}s {row['id']}: {said or row.get('failed')}", flush=True)


if __name__ == "__main__":
    main()
