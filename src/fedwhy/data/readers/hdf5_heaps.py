"""`check_heaps`: looks for damage on which the HDF5 library would never return.

HDF5 keeps text of any length in global heaps (HDF5 File Format Specification, III.E):

    heap     "GCOL", version 1, 3 unused bytes, size: uint64, objects
    object   index: uint16, references: uint16, 4 unused bytes, size: uint64, data (padded to 8);
             index 0 is free space, whose size includes these 16 bytes

To find an object, the library walks over all before it, where free space of size 0 leads nowhere,
and a size that is absurd may lead anywhere.
"""

import mmap
import struct
from pathlib import Path

from fedwhy.errors import DataError

HEAP = b"GCOL\x01"  # The library does not look at the next three.
HEADER = struct.Struct("<8xQ")
OBJECT = struct.Struct("<HHIQ")


def check_heaps(path: str | Path) -> None:
    """Raises `DataError` where a walk over the objects of a heap would not end."""
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        start = content.find(HEAP)
        while start >= 0:
            check_heap(content, start, path)
            start = content.find(HEAP, start + len(HEAP))


def check_heap(content: mmap.mmap, start: int, path: str | Path) -> None:
    """Walks over the objects of the heap that begins at a byte."""
    if start + HEADER.size > len(content):
        return
    end = min(start + HEADER.unpack_from(content, start)[0], len(content))
    at = start + HEADER.size
    while at + OBJECT.size <= end:
        index, _, _, size = OBJECT.unpack_from(content, at)
        if not (index or size) or size > len(content):
            raise DataError(f"{path}, byte {at}: a heap of text is damaged; fetch the file again")
        at += OBJECT.size + -(-size // 8) * 8 if index else size
