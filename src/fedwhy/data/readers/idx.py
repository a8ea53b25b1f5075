"""`read_idx`: the files of MNIST and its successors.

An idx file is two zero bytes, a code for the type of the values, the number of dimensions, the
length of each as a big-endian uint32, and the values in C order, big-endian
(http://yann.lecun.com/exdb/mnist).
"""

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fedwhy.errors import DataError

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_DIMENSIONS = 32
GZIP = b"\x1f\x8b"
MOST_COMPRESSED = 1032  # Deflate turns no byte into more (RFC 1951: 258 bytes from 2 bits).


def read_idx(path: str | Path) -> np.ndarray:
    """The array in an idx file, plain or compressed by gzip, in the machine's byte order.

    Raises `DataError` for a file that is no idx file, is cut short, goes on after its values, or
    announces more values than it can hold; no memory is taken for what it merely announces.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == GZIP
            room = path.stat().st_size * (MOST_COMPRESSED if compressed else 1)
            raw.seek(0)
            if not compressed:
                return read_values(raw, path, room)
            with gzip.GzipFile(fileobj=raw) as file:
                return read_values(file, path, room)  # type: ignore[arg-type]
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error


def read_values(file: BinaryIO, path: Path, room: int) -> np.ndarray:
    """Header and values of the idx file `path`, which holds at most `room` bytes."""
    dtype, shape = read_header(file, path)
    announced = math.prod(shape) * dtype.itemsize
    what = f"{dtype.newbyteorder('=')}{list(shape)}, {announced} bytes"
    if announced > room:
        raise DataError(f"{path}: announces {what}, more than it can hold; fetch it again")
    values = file.read(announced + 1)
    if len(values) < announced:
        raise DataError(
            f"{path}: announces {what}, but ends after {len(values)} of them; fetch it again"
        )
    if len(values) > announced:
        start = 4 + 4 * len(shape) + announced
        raise DataError(f"{path}: goes on at byte {start}, after its {what}; fetch it again")
    return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_header(file: BinaryIO, path: Path) -> tuple[np.dtype, tuple[int, ...]]:
    """Type (big-endian) and shape of the values."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise DataError(
            f"{path}: begins with {magic.hex(' ') or 'nothing'}, not as an idx file: "
            "00 00, a type from 08 to 0e, and the number of dimensions"
        )
    dimensions = magic[3]
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise DataError(
            f"{path}: announces {dimensions} dimensions at byte 3; expected 1 to {MOST_DIMENSIONS}"
        )
    lengths = file.read(4 * dimensions)
    if len(lengths) < 4 * dimensions:
        raise DataError(f"{path}: ends within its header of {4 + 4 * dimensions} bytes")
    shape = struct.unpack(f">{dimensions}I", lengths)
    if 0 in shape:
        raise DataError(f"{path}: holds no values, its shape is {list(shape)}")
    return np.dtype(TYPES[magic[2]]), shape
