"""What the numbers were measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import environments
import measure


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, accelerator."""
    facts = {
        "processor": first_line("/proc/cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{int(first_line('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "caches": ", ".join(caches()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        facts["gpu"] = subprocess.check_output(query, text=True).strip()
    return facts


def first_line(path: str, name: str) -> str:
    """The value after `name:` in a file of /proc."""
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return "0"


def caches() -> list[str]:
    """The first core's caches, such as `L2 512K`."""
    found = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        with contextlib.suppress(OSError):
            level = (index / "level").read_text().strip()
            if (index / "type").read_text().strip() != "Instruction":
                found.append(f"L{level} {(index / 'size').read_text().strip()}")
    return found


def matrix_peak(device: str = "cpu") -> float:
    """The better of JAX's and PyTorch's float32 matrix rates, in GFLOP/s."""
    rates = [0.0]
    for environment, library in ((environments.PROJECT, "jax"), ("torch", "torch")):
        with contextlib.suppress(environments.Unavailable, measure.Failed):
            python = environments.python_of(environment)
            record = measure.run_script(python, "matrix_peak", [library, device], timeout=300)
            rates.append(record["gflops"])
    return max(rates)
