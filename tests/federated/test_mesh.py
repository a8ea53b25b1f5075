"""Clients spread over two devices."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def two_devices():
    # The number of host devices is settled before JAX is imported: in a process of its own.
    program = Path(__file__).with_name("two_devices.py")
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


CASES = [
    "sharded arguments",
    "sharded arguments, jit",
    "Auto, mesh in use",
    "Auto, both, jit",
    "Explicit, mesh in use",
    "Explicit, both, jit",
]


@pytest.mark.parametrize("case", CASES)
def test_clients_stay_where_they_are_and_reductions_are_collectives(two_devices, case):
    facts = two_devices["cases"][case]
    assert facts["split"]
    assert facts["replicated"]
    assert facts["all_reduces"] >= 1
    for ours, one_device in zip(facts["result"], two_devices["one_device"], strict=True):
        np.testing.assert_allclose(ours, one_device, rtol=1e-6)
