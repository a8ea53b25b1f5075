"""Stack Overflow: users who predict the next word of their sentences.

Reddi et al. 2021, "Adaptive federated optimization", appendix C; words and sequences are those of
TFF's baseline.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.cache import cache_folder
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.saved import open_saved
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tff import hdf5_clients
from fedwhy.data.sources.files import File, member
from fedwhy.data.sources.source import Source
from fedwhy.errors import DataError

WORDS = 10_000
PADDING, UNKNOWN, BEGIN, END = 0, WORDS + 1, WORDS + 2, WORDS + 3
CLASSES = END + 1
LENGTH = 20

TFF = "https://storage.googleapis.com/tff-datasets-public"
POSTS = File(
    "stackoverflow/stackoverflow.tar.bz2",
    "sha256:99eca2f8b8327a09e5fc123979df2d237acbc5e52322f6d86bf523ee47b961a2",
    (f"{TFF}/stackoverflow.tar.bz2",),
)
COUNTS = File(
    "stackoverflow/stackoverflow.word_count.tar.bz2",
    "sha256:1dc00256d6e527c54b9756d968118378ae14e6692c0b3b6cad470cdd3f0c519c",
    (f"{TFF}/stackoverflow.word_count.tar.bz2",),
)


def read_stackoverflow() -> Source[FederatedDataset]:
    """TFF's 342,477 users to train on, 204,088 to test on.

    The first call streams 135 million sentences from HDF5 into memory-mapped arrays in the cache;
    later ones open those.
    """
    return Source(*(users(part) for part in ("train", "test")))


def users(part: str) -> FederatedDataset:
    """The users of TFF's train or test file."""
    words, path = (
        member(COUNTS, "stackoverflow.word_count"),
        member(POSTS, f"stackoverflow_{part}.h5"),
    )
    made = cache_folder() / "data" / "stackoverflow" / f"{part}-{fingerprint(words, path)}"
    if made.is_dir():
        return open_saved(made)
    codes = vocabulary(words)

    def examples() -> Iterator[Any]:
        for client, columns in hdf5_clients(path):
            if "tokens" not in columns:
                raise DataError(f"{path}: client {client!r} has no tokens; expected TFF's file")
            yield client, sequences(columns["tokens"].tolist(), codes)

    try:
        return from_stream(
            examples(), name="stackoverflow", classes=CLASSES, task="next word", into=made
        )
    except DataError:
        if made.is_dir():  # Another process was faster.
            return open_saved(made)
        raise


def fingerprint(*paths: Path) -> str:
    """Names what arrays were made from, so that other files are never taken for them."""
    known = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr((known, WORDS, LENGTH)).encode()).hexdigest()[:16]


def vocabulary(path: Path) -> dict[bytes, int]:
    """The numbers 1 to 10,000 of the most frequent words, which lead a file of words and counts."""
    codes = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            word, *count = line.split()
            if len(count) != 1 or not count[0].isdigit():
                raise DataError(f"{path}, line {number}: expected a word and its count")
            codes[word] = number
            if number == WORDS:
                return codes
    raise DataError(f"{path}: holds {len(codes)} words, expected {WORDS}")


def sequences(sentences: list[bytes], codes: dict[bytes, int]) -> tuple[np.ndarray, np.ndarray]:
    """Sentences as x int16 `[n, 20]`; y is x, one word on. Longer ones are cut, without an end."""
    rows = np.zeros((len(sentences), LENGTH + 1), np.int16)
    rows[:, 0] = BEGIN
    for row, sentence in zip(rows, sentences, strict=True):
        words = sentence.split(b" ")[:LENGTH]
        row[1 : 1 + len(words)] = [codes.get(word, UNKNOWN) for word in words]
        if len(words) < LENGTH:
            row[1 + len(words)] = END
    return rows[:, :-1].copy(), rows[:, 1:].copy()
