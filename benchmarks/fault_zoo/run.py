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
from functools import lru_cache
from pathlib import Path
from typing import Any

from fault_zoo import check
from fault_zoo.plan import HALVES, Instance, in_turn, plan, quick
from fedwhy.diagnosis import Setup, diagnose_setup
from fedwhy.diagnosis.search.runs import at_last, comparable
from fedwhy.errors import FedwhyError

RESULTS = Path(__file__).parent / "results.jsonl"
# The worst case of some 60 instances is what a process is trusted with: its programs add up.
AT_MOST = 60
# Most of the time goes into compiling what runs for a second: XLA shall do little about it.
QUICKLY = {
    "XLA_FLAGS": "--xla_force_host_platform_device_count=1 --xla_cpu_multi_thread_eigen=false "
    "--xla_cpu_use_fusion_emitters=false",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "true",
    "OMP_NUM_THREADS": "1",
}


def judged(instance: Instance, effects: check.Effects, budget: float) -> dict[str, Any]:
    """What its faults cost, where nobody knew it, and what the diagnosis says of it, if it counts.

    Ready for JSON; a diagnosis that breaks is a result, and the worst.
    """
    row = {"id": instance.id, "half": instance.half, "codes": instance.codes}
    began = time.monotonic()
    try:
        cost = {
            id: round(score_of(each), 4)
            for id, each in check.needed(instance).items()
            if id not in effects
        }
        row["effects"] = cost
        if check.counts(instance, effects | cost):
            row |= diagnosed(instance, budget)
    except Exception:
        row["failed"] = traceback.format_exc()
    return {"seconds": time.monotonic() - began, **row}


@lru_cache(maxsize=512)
def score_of(instance: Instance) -> float:
    """The score of a run, which is healthy for many instances."""
    return check.scored(instance)


def diagnosed(instance: Instance, budget: float) -> dict[str, Any]:
    """What the diagnosis says of an instance."""
    setup = instance.setup
    found = diagnose_setup(setup, budget=budget)
    return {
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
        "trained_again": None if found.repaired is None else trained_again(found.repaired, setup),
    }


def trained_again(repaired: Setup, faulty: Setup) -> float:
    """The score of the repaired run, trained here as the healthy and the faulty one were."""
    try:
        run = check.trained(repaired)
    except FedwhyError:
        return 0.0
    if at_last(run.history, "personal_accuracy") is None:
        return run.score
    return comparable(run, check.trained(faulty))


def chosen(options: argparse.Namespace, effects: check.Effects) -> list[Instance]:
    """The instances that the options ask for, without faults that are known to cost nothing."""
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
    os.environ.update(QUICKLY)
    there = done(options.out)
    effects = check.known()
    left = [each for each in chosen(options, effects) if each.id not in there]
    print(f"{len(left)} to do, {len(there)} are there", flush=True)
    known = dict(effects)  # What is sent to the processes must not change meanwhile.
    tasks = [(instance, known, options.budget) for instance in left]
    # A ProcessPoolExecutor hangs where its processes are replaced (python/cpython issue 115634).
    pool = multiprocessing.get_context("spawn").Pool(options.processes, maxtasksperchild=AT_MOST)
    with pool, options.out.open("a") as lines:
        for row in pool.imap_unordered(asked, tasks):
            effects |= row.get("effects", {})
            check.write(effects)
            lines.write(json.dumps(row, default=float) + "\n")
            lines.flush()
            print(f"{row['seconds']:5.1f}s {row['id']}: {said(row)}", flush=True)


def asked(task: tuple[Instance, check.Effects, float]) -> dict[str, Any]:
    """`judged` of a task."""
    return judged(*task)


def said(row: dict[str, Any]) -> object:
    """A row in short."""
    if "findings" in row:
        return [finding["code"] for finding in row["findings"][:3]]
    return row.get("failed", "costs too little to count")


if __name__ == "__main__":
    main()
