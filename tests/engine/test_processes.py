"""Several processes, one run: the same result, and a lost process ends the others."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

COMMAND = [sys.executable, "-m", "fedwhy", "run", "--json"]
SETTINGS = ("model.name=softmax", "train.checkpoint_every=2")


def sets(*changes):
    return [part for change in changes for part in ("--set", change)]


def run(*arguments, **options):
    result = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, **options)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_two_processes_give_the_run_of_one(tmp_path):
    changes = sets(*SETTINGS, "train.rounds=5", "fine_tune.epochs=1")
    one = run(*changes, "--out", tmp_path / "one")
    two = run(*changes, "--out", tmp_path / "two", "--processes", "2")
    assert two["rounds"] == 5
    assert two["test_loss"] == pytest.approx(one["test_loss"], rel=1e-5)
    tuned = one["fine_tuning"]["clients"]
    assert [each["id"] for each in two["fine_tuning"]["clients"]] == [each["id"] for each in tuned]
    for name in ("before_loss", "after_loss"):
        assert two["fine_tuning"][name] == pytest.approx(one["fine_tuning"][name], rel=1e-5)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, value in ours.items():
        np.testing.assert_allclose(theirs[name], value, atol=1e-6)


def children(parent: int) -> list[int]:
    out = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True).stdout
    return sorted(int(pid) for pid in out.split())


@pytest.mark.parametrize("victim", [0, 1])
def test_lost_process_ends_the_others_soon_and_the_run_resumes(tmp_path, victim):
    folder = tmp_path / "r"
    process = subprocess.Popen(
        [*COMMAND, *sets(*SETTINGS, "train.rounds=100000"), "--out", folder, "--processes", "2"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = Path(folder) / "metrics.jsonl"
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 6):
        assert process.poll() is None
        time.sleep(0.05)
    started = children(process.pid)
    os.kill(started[victim], signal.SIGKILL)
    killed = time.monotonic()
    _, stderr = process.communicate(timeout=60)
    assert time.monotonic() - killed < 30
    assert process.returncode == 2
    assert f"process {victim} was killed by SIGKILL" in stderr
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)

    done = json.loads(metrics.read_text().splitlines()[-2])["round"]
    more = sets(f"train.rounds={done + 3}")
    assert run("--resume", folder, "--processes", "2", *more)["rounds"] == done + 3


def test_ctrl_c_ends_all_processes_after_their_round(tmp_path):
    folder = tmp_path / "r"
    process = subprocess.Popen(
        [*COMMAND, *sets(*SETTINGS, "train.rounds=100000"), "--out", folder, "--processes", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = Path(folder) / "metrics.jsonl"
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 3):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert json.loads(stdout)["interrupted"]
