"""Feeds mutated files to the readers, which may refuse them with `DataError` and nothing else.

    python tests/fuzz/readers.py --reader hdf5 --minutes 10

Other exceptions, crashes of the process, inputs that take more than `SECONDS`, and those that need
more than `MEMORY` are findings; their files stay in `--findings`. Each batch runs in a process of
its own, so that a crash in a C library is one finding, not the end.
"""

import argparse
import gzip
import json
import multiprocessing
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import psutil

from fedwhy.data.readers.idx import read_idx
from fedwhy.data.readers.leaf import leaf_clients
from fedwhy.data.readers.tff import hdf5_clients
from fedwhy.errors import DataError

SECONDS = 10
MEMORY = 1 << 30
WORDS = [
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f" + b"\xff" * 3,
    b"\xff" * 8,
]
JSON_WORDS = [b'"', b"{", b"[", b"]", b"}", b",", b"null", b"true", b"1e999", b"NaN", b"-", b'"a"']
JSON_WORDS += [b"9" * 400, b"[" * 3000, b"\xc3", b"\\ud800", b'{"x": [], "y": []}']


class Target(NamedTuple):
    """A reader, valid files for it, and words that mean something in them."""

    read: Callable[[Path], Any]
    seeds: Callable[[], list[bytes]]
    words: list[bytes]


def idx_seeds() -> list[bytes]:
    images = struct.pack(">BBBBIII", 0, 0, 8, 3, 3, 4, 5) + bytes(range(60))
    doubles = struct.pack(">BBBBI3d", 0, 0, 14, 1, 3, 1.0, 2.0, 3.0)
    return [images, doubles, gzip.compress(images)]


def leaf_seeds() -> list[bytes]:
    numbers = {"x": [[0.5, 1.0], [2.0, 3.5]], "y": [0, 1]}
    text = {"x": ["to be", "or not"], "y": ["a", "b"]}
    files = [{"a": numbers, "b": numbers}, {"a": text}]
    return [
        json.dumps(
            {"users": list(data), "num_samples": [2] * len(data), "user_data": data}
        ).encode()
        for data in files
    ]


def hdf5_seeds() -> list[bytes]:
    def file(version: Any, **options: Any) -> bytes:
        buffer = BytesIO()
        with h5py.File(buffer, "w", libver=version) as written:
            for id in ("a", "b"):
                client = written.create_group(f"examples/{id}")
                client.create_dataset("pixels", data=np.ones((3, 4, 4), np.float32), **options)
                client.create_dataset("label", data=np.arange(3, dtype=np.int32), **options)
                client.create_dataset("text", data=[b"to", b"be", b"or"], dtype=h5py.string_dtype())
        return buffer.getvalue()

    packed = {"compression": "gzip", "chunks": True}
    return [file("earliest"), file("earliest", **packed), file("latest", **packed)]


def read_all(clients: Callable[[Any], Any]) -> Callable[[Path], None]:
    """A function that reads every client of a file."""

    def read(path: Path) -> None:
        for _ in clients(path):
            pass

    return read


TARGETS = {
    "idx": Target(read_idx, idx_seeds, WORDS),
    "leaf": Target(read_all(lambda path: leaf_clients([path])), leaf_seeds, JSON_WORDS),
    "hdf5": Target(read_all(hdf5_clients), hdf5_seeds, WORDS),
}


def mutate(rng: np.random.Generator, seeds: list[bytes], words: list[bytes]) -> bytes:
    """One of the seeds after one to four mutations: each puts something in place of some bytes."""
    data = seeds[rng.integers(len(seeds))]
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(data) + 1))
        some = slice(at, at + int(rng.geometric(0.1)))
        other = seeds[rng.integers(len(seeds))]
        start = int(rng.integers(len(other)))
        new = [rng.bytes(1), words[rng.integers(len(words))], b"", data[some], other[start:][:64]]
        middle = new[rng.integers(len(new))]
        # What comes next: overwritten, pushed on, left out, or all of it cut off.
        rest = [at + len(middle), at, some.stop, len(data)][rng.choice(4, p=[0.5, 0.2, 0.2, 0.1])]
        data = data[:at] + middle + data[rest:]
    return data


def run_batch(reader: str, seed: int, inputs: int, folder: Path) -> None:
    """Tries mutated inputs; leaves those in `folder` that raise, or end the process."""
    target, rng = TARGETS[reader], np.random.default_rng(seed)
    limit = psutil.Process().memory_info().vms + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # Ends the process, C library or not.
    seeds = target.seeds()
    for number in range(inputs):
        path = folder / f"{reader}-{seed}-{number}"
        path.write_bytes(mutate(rng, seeds, target.words))
        signal.alarm(SECONDS)
        try:
            target.read(path)
        except DataError:
            pass
        except Exception:
            path.with_suffix(".txt").write_text(traceback.format_exc())
            continue
        finally:
            signal.alarm(0)
        path.unlink()


def findings(process: Any, folder: Path) -> list[str]:
    """What a finished batch has left."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".txt":
            continue
        said = path.with_suffix(".txt")
        code = process.exitcode
        end = signal.Signals(-code).name if code and code < 0 else f"exit code {code}"
        found.append(f"{path}: {said.read_text().splitlines()[-1] if said.exists() else end}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reader", choices=TARGETS, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=1000, help="inputs a batch")
    parser.add_argument("--findings", type=Path, help="default: a new temporary folder")
    options = parser.parse_args()
    folder = options.findings or Path(tempfile.mkdtemp(prefix="findings-"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fedwhy.data.readers", "h5py", "psutil"])
    deadline, seed, found = time.monotonic() + 60 * options.minutes, options.seed, 0
    while time.monotonic() < deadline:
        batch = folder / f"batch-{seed}"
        batch.mkdir(parents=True)
        process = context.Process(
            target=run_batch, args=(options.reader, seed, options.inputs, batch)
        )
        process.start()
        process.join()
        lines = findings(process, batch)
        print(*lines, sep="\n", end="\n" if lines else "")
        found += len(lines)
        if not lines:
            batch.rmdir()
        seed += 1
    tried = (seed - options.seed) * options.inputs
    print(
        f"{options.reader}: {tried} inputs (a batch ends at a crash), {found} findings in {folder}"
    )
    sys.exit(found > 0)


if __name__ == "__main__":
    main()
