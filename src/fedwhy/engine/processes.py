"""Several processes that run one training together, over `jax.distributed`.

`launch` starts them on one machine. On a cluster a scheduler (Slurm, MPI, Kubernetes) starts them,
and `join` finds out from it who they are. Each process plans every round alike, from the seed, and
computes its own lanes; a sum over the network (Gloo on CPU, NCCL on GPU) joins them.
"""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

import jax
import numpy as np

from fedwhy.engine.devices import cores
from fedwhy.errors import EngineError

ADDRESS, COUNT, NUMBER = "FEDWHY_COORDINATOR", "FEDWHY_PROCESSES", "FEDWHY_PROCESS"

# Seconds without a sign of life after which a process counts as lost.
LOST = 10


def launched() -> bool:
    """Whether `launch` has started this process."""
    return ADDRESS in os.environ


def join() -> None:
    """Joins this process with those of `launch`, or those that the cluster's scheduler tells of.

    To be called before JAX is used. Raises `EngineError` where there are neither.
    """
    if launched():
        jax.distributed.initialize(
            os.environ[ADDRESS],
            int(os.environ[COUNT]),
            int(os.environ[NUMBER]),
            heartbeat_timeout_seconds=LOST,
        )
        return
    try:
        jax.distributed.initialize(heartbeat_timeout_seconds=LOST)
    except ValueError as error:
        raise EngineError(
            "found no cluster to join: start the processes with Slurm, Open MPI or Kubernetes, or "
            f"with fedwhy run --processes N on one machine ({error})"
        ) from error


def leads() -> bool:
    """Whether this process is the one that writes and prints."""
    return jax.process_index() == 0


def any_process(flag: bool) -> bool:
    """Whether `flag` holds in any process; all of them must ask."""
    if jax.process_count() == 1:
        return flag
    from jax.experimental.multihost_utils import process_allgather

    return bool(np.any(process_allgather(np.array(flag))))


@contextmanager
def lost_process_named(round: int) -> Iterator[None]:
    """Within it, what a lost process makes of a round becomes an `EngineError` that says so."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if jax.process_count() == 1:
            raise
        raise EngineError(
            f"round {round}: another process was lost, or the network between them failed; "
            f"resume the run from its newest checkpoint ({str(error).splitlines()[0]})"
        ) from error


def launch(command: Sequence[str], processes: int) -> int:
    """Runs `command` in `processes` processes of this machine, and returns its exit status.

    The first one's output is shown; Ctrl-C reaches it, and it tells the others. When one is lost,
    the others are ended, and `EngineError` names it and what it said last.
    """
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory(prefix="fedwhy-") as folder, ExitStack() as stack:
        started: list[subprocess.Popen] = []
        stack.callback(end, started)
        logs: list[IO[bytes] | None] = [None]
        for number in range(processes):
            if number:
                logs.append(stack.enter_context(open(f"{folder}/{number}", "w+b")))
            environment = os.environ | {
                ADDRESS: address,
                COUNT: str(processes),
                NUMBER: str(number),
                "JAX_NUM_CPU_DEVICES": str(max(cores() // processes, 1)),
            }
            log = logs[number]
            started.append(
                subprocess.Popen(
                    command, env=environment, stdout=log, stderr=log, start_new_session=True
                )
            )
        with signals_passed_on(started[0]):
            return wait(started, logs)


def wait(started: Sequence[subprocess.Popen], logs: Sequence[IO[bytes] | None]) -> int:
    """The exit status of the first process, when all have ended.

    Raises `EngineError` as soon as one is killed, or fails while the first one goes on.
    """
    while any(process.poll() is None for process in started):
        first = started[0].poll()
        for number, process in enumerate(started):
            status = process.poll()
            if status is None or status == 0 or (number == 0 and status > 0):
                continue
            if status > 0 and first not in (None, 0):
                continue  # It failed as the first did, which has said why.
            raise EngineError(lost(number, status, logs[number]))
        if first is not None and first > 0:
            return first
        time.sleep(0.05)
    return started[0].returncode


def lost(number: int, status: int, log: IO[bytes] | None) -> str:
    """How to say that a process was lost."""
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"failed ({status})"
    last = ""
    if log is not None:
        log.seek(0)
        lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        last = f"; it said last: {lines[-1]}" if lines else ""
    return (
        f"process {number} {how}, so the others were ended; resume the run from its newest "
        f"checkpoint with fedwhy run --resume RUN{last}"
    )


def end(processes: Sequence[subprocess.Popen]) -> None:
    """Ends every process that still runs, at once: what they had is in the checkpoint."""
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


@contextmanager
def signals_passed_on(process: subprocess.Popen) -> Iterator[None]:
    """Within it, Ctrl-C goes to `process` and not to this one."""
    previous = signal.signal(signal.SIGINT, lambda *_: process.send_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
