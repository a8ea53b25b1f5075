"""The examples: MNIST, Shakespeare's roles, and a synthetic population of any size.

The files are those of FEDWHY_DATA_DIR (default: `../shared/data` beside the repository).
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np

Examples = tuple[np.ndarray, np.ndarray, np.ndarray]  # x, y, size of each client


def folder() -> Path:
    """Where the data lies."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("FEDWHY_DATA_DIR", default))


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """The training images, float32 `[60000, 28, 28, 1]` in 0..1, and labels int32."""
    with gzip.open(folder() / "mnist" / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16)
    with gzip.open(folder() / "mnist" / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pixels.reshape(-1, 28, 28, 1).astype(np.float32) / 255, labels.astype(np.int32)


def shakespeare(length: int) -> Examples:
    """Each role's lines, end to end, cut into sequences; the next characters are the targets.

    int32 `[sequences, length]`. What is left at a role's end is dropped, and roles that do not
    fill one sequence are left out, so that no system needs to mask padding in a different way.
    """
    import h5py

    x, sizes = [], []
    with h5py.File(folder() / "shakespeare" / "tff_shakespeare_train.h5") as file:
        for role in sorted(file["examples"]):
            text = b"\n".join(file["examples"][role]["snippets"][()])
            sequences = (len(text) - 1) // length
            if not sequences:
                continue
            codes = np.frombuffer(text, np.uint8)
            x.append(np.lib.stride_tricks.sliding_window_view(codes, length + 1)[::length])
            x[-1] = x[-1][:sequences]
            sizes.append(sequences)
    codes = np.concatenate(x)
    number = np.zeros(256, np.int32)
    used = np.unique(codes)
    number[used] = 4 + np.arange(len(used))  # 0 to 3 are padding, unknown, begin, end
    codes = number[codes]
    return codes[:, :-1].copy(), codes[:, 1:].copy(), np.array(sizes)


def synthetic(clients: int, features: int = 16, seed: int = 0) -> Examples:
    """1 to 5 examples a client, labelled by a fixed linear rule with noise."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, clients)
    rule = rng.standard_normal((features, 10), np.float32)
    x = rng.standard_normal((sizes.sum(), features), np.float32)
    y = np.empty(len(x), np.int32)
    for start in range(0, len(x), 1 << 20):  # in pieces: the scores would be as large as x
        part = slice(start, start + (1 << 20))
        scores = x[part] @ rule
        y[part] = (scores + rng.standard_normal(scores.shape, np.float32)).argmax(axis=1)
    return x, y, sizes
