"""Files that are whole or not there at all."""

import os
from pathlib import Path


def replace_file(path: Path, content: bytes | str) -> None:
    """Writes `path` under a temporary name and renames it, so that no half of it is ever seen."""
    temporary = path.with_name(f".writing-{path.name}-{os.getpid()}")
    write_synced(temporary, content.encode() if isinstance(content, str) else content)
    os.replace(temporary, path)


def write_synced(path: Path, content: bytes) -> None:
    """Writes `content` and waits until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Waits until the folder's entries are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
