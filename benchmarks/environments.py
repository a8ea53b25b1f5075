"""A virtual environment for each peer under `.venvs`, made once and again when its list changes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = "project"  # the environment that runs the benchmarks: it has fedwhy


class Unavailable(Exception):
    """A peer cannot be installed; the message says why."""


def python_of(name: str) -> Path:
    """The interpreter of the environment `name`, which is made first if needed."""
    if name == PROJECT:
        return Path(sys.executable)
    if name == "torch" and "BENCH_TORCH_PYTHON" in os.environ:
        return Path(os.environ["BENCH_TORCH_PYTHON"])
    folder, wanted = HERE / ".venvs" / name, HERE / "requirements" / f"{name}.txt"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    print(f"setting up {folder.relative_to(HERE)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    call([base_python(name), "-m", "venv", str(folder)])
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([*install, *(["--no-deps"] if name == "tff" else []), "-r", str(wanted)])
    stamp.write_text(digest)
    return python


def base_python(name: str) -> str:
    """The Python to make an environment with; TensorFlow 2.14 has wheels up to 3.11 only."""
    if name != "tff" or sys.version_info[:2] == (3, 11):
        return sys.executable
    found = shutil.which("python3.11")
    if found is None:
        raise Unavailable("TensorFlow 2.14 needs Python 3.11, which was not found")
    return found


def call(command: list[str]) -> None:
    """Runs a command; raises `Unavailable` with the last line of what it complained about."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if line.startswith("ERROR")), (lines or ["?"])[-1])
        raise Unavailable(f"{' '.join(command[1:4])} failed: {reason[:200]}")
