"""Runs one system's script once, watching its memory, and ends whatever it leaves behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Failed(Exception):
    """A script did not finish; the message is the last line that it wrote."""


def run_script(python: Path, script: str, arguments: list[str], timeout: float) -> dict[str, Any]:
    """The line of JSON that `systems/SCRIPT.py` prints, with `peak_mb` of all its processes.

    User caches are empty, so that what is compiled or tuned at first use is seen in every run.
    """
    command = [str(python), str(HERE / "systems" / f"{script}.py"), *arguments]
    with tempfile.TemporaryDirectory() as scratch:
        caches = {"XDG_CACHE_HOME": scratch, "XDG_DATA_HOME": scratch, "FLWR_HOME": scratch}
        output, errors = Path(scratch) / "output", Path(scratch) / "errors"
        with output.open("w") as out, errors.open("w") as err:
            process = subprocess.Popen(
                command, stdout=out, stderr=err, env=os.environ | caches, start_new_session=True
            )
            peak = watch(process, time.monotonic() + timeout)
        lines = output.read_text(errors="replace").splitlines()
        for line in reversed(lines):
            if line.startswith('{"'):
                record = json.loads(line)
                record["peak_mb"] = max(peak, record.get("peak_mb", 0))
                return record
        if peak < 0:
            raise Failed(f"not done after {timeout:.0f} s")
        lines = [line for line in errors.read_text(errors="replace").splitlines() if line.strip()]
        # JAX ends its tracebacks with advice on how to read them.
        lines = [
            line for line in lines if "TRACEBACK_FILTERING" not in line and "-----" not in line
        ]
        raise Failed((lines or [f"ended with status {process.returncode}"])[-1][:300])


def watch(process: subprocess.Popen, deadline: float) -> float:
    """Waits for the process; returns the most memory that its tree held, or -1 after `deadline`.

    Afterwards every process it ever started is ended: Ray and TFF may leave some behind.
    """
    peak, seen = 0.0, {}
    while process.poll() is None and time.monotonic() < deadline:
        family = dict(tree(process.pid))
        seen |= family
        peak = max(peak, sum(map(memory, family)))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.0)
    late = process.poll() is None
    for pid, born in [*tree(process.pid), *seen.items()]:
        if birth(pid) == born:  # the number still means the same process
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()
    return -1.0 if late else peak


def tree(root: int) -> Iterator[tuple[int, str]]:
    """(pid, time of birth) of a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        fields = stat(int(entry.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    todo = [root]
    while todo:
        pid = todo.pop()
        born = birth(pid)
        if born:
            yield pid, born
        todo += children.get(pid, [])


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the command's name; none if the process is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def birth(pid: int) -> str:
    """When a process began, in ticks since the machine did; empty if it is gone."""
    fields = stat(pid)
    return fields[19] if fields else ""


def memory(pid: int) -> float:
    """A process's share of memory in MB; pages that n processes share count 1/n each."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0
