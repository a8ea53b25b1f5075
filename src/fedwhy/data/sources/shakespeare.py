"""Shakespeare's roles or speakers, who predict the next character.

McMahan et al. 2017, "Communication-efficient learning of deep networks from decentralized data";
characters, padding and sequences are those of TFF's baseline (Reddi et al. 2021, "Adaptive
federated optimization", appendix C).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.readers.stream import from_stream
from fedwhy.data.readers.tff import hdf5_clients
from fedwhy.data.sources.files import File, data_folders, locate, member
from fedwhy.data.sources.source import Source
from fedwhy.errors import DataError

CHARACTERS = (
    b"dhlptx@DHLPTX $(,048cgkoswCGKOSW[_#'/37;?bfjnrvzBFJNRVZ\"&*.26:\naeimquyAEIMQUY]!%)-159\r"
)
PADDING, UNKNOWN, BEGIN, END = 0, *(len(CHARACTERS) + n for n in (1, 2, 3))
CODES = np.full(256, UNKNOWN, np.int32)
CODES[list(CHARACTERS)] = 1 + np.arange(len(CHARACTERS))
CLASSES = END + 1
LENGTH = 80

ROLES = File(
    "shakespeare/shakespeare.tar.bz2",
    "sha256:0285be9906cb5f268092eee4edeeacfc2af4574f2941f7cc2f08a321d7f5c707",
    ("https://storage.googleapis.com/tff-datasets-public/shakespeare.tar.bz2",),
)
# The same snippets, written again: what an archive of the same name elsewhere may hold.
UNPACKED = {
    "train": File(
        "shakespeare/tff_shakespeare_train.h5",
        "sha256:67100f52adfb6d5ece73c1a942b6863731a477bf09421a3c79c9937612895344",
    ),
    "test": File(
        "shakespeare/tff_shakespeare_test.h5",
        "sha256:55d3a635bffe5c4f71610a8d0cf86c1b369bfd7793e0635b5a83cde1f195689e",
    ),
}
SPEECHES = File(
    "shakespeare/tinyshakespeare_input.txt",
    "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    size=1.1,
)


def read_roles() -> Source[FederatedDataset]:
    """TFF's 715 roles in all plays: 16,068 snippets to train on and 2,356 to test on."""
    return Source(*(roles(part) for part in ("train", "test")))


def roles(part: str) -> FederatedDataset:
    """The roles of TFF's train or test file."""
    unpacked = UNPACKED[part]
    known = any((folder / unpacked.path).is_file() for folder in data_folders())
    path = locate(unpacked) if known else member(ROLES, f"shakespeare_{part}.h5")
    return characters((client, snippets(path, client, c)) for client, c in hdf5_clients(path))


def snippets(path: Path, client: str, columns: dict[str, np.ndarray]) -> Iterable[bytes]:
    """A role's snippets; raises `DataError` where it has none, or they are no texts."""
    if "snippets" not in columns:
        raise DataError(f"{path}: client {client!r} has no snippets; it has {', '.join(columns)}")
    found = columns["snippets"]
    if not (isinstance(found, np.ndarray) and found.ndim == 1 and found.dtype.kind in "SO"):
        raise DataError(f"{path}: client {client!r}: snippets are no list of texts, but {found!r}")
    if not len(found):
        raise DataError(f"{path}: client {client!r} has an empty list of snippets; leave it out")
    return found.tolist()


def read_speakers() -> Source[FederatedDataset]:
    """The speakers of a plain text; the last fifth of each one's speeches is to test on.

    As in McMahan et al., those with a single speech are left out.
    """
    by_speaker: dict[str, list[bytes]] = defaultdict(list)
    for speaker, speech in speeches(locate(SPEECHES)):
        by_speaker[speaker].append(speech)
    kept = {name: said for name, said in sorted(by_speaker.items()) if len(said) > 1}
    cut = {name: -(-len(said) // 5) for name, said in kept.items()}
    return Source(
        characters((name, said[: -cut[name]]) for name, said in kept.items()),
        characters((name, said[-cut[name] :]) for name, said in kept.items()),
    )


def speeches(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each speech of a text with a line `Name:` before it, and an empty one behind."""
    line = 1
    for block in path.read_bytes().split(b"\n\n"):
        name, _, speech = block.strip(b"\n").partition(b"\n")
        if not name.endswith(b":"):
            raise DataError(f"{path}, line {line}: expected a speaker, such as 'Name:'")
        try:
            yield name[:-1].decode(), speech
        except UnicodeDecodeError as error:
            raise DataError(f"{path}, line {line}: the name is not UTF-8: {error}") from error
        line += block.count(b"\n") + 2


def characters(clients: Iterable[tuple[str, Iterable[bytes]]]) -> FederatedDataset:
    """Clients whose texts are cut into sequences int32 `[n, 80]`; y is x, one character on."""

    def examples() -> Iterator[Any]:
        for client, texts in clients:
            yield client, sequences(texts)

    return from_stream(examples(), name="shakespeare", classes=CLASSES, task="next character")


def sequences(texts: Iterable[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Each text between begin and end, padded to sequences of 81; the last is no input."""
    padded = []
    for text in texts:
        codes = [[BEGIN], CODES[np.frombuffer(text, np.uint8)], [END]]
        missing = -(len(text) + 2) % (LENGTH + 1)
        padded += [*codes, np.full(missing, PADDING)]
    cut = np.concatenate(padded).astype(np.int32).reshape(-1, LENGTH + 1)
    return cut[:, :-1].copy(), cut[:, 1:].copy()
