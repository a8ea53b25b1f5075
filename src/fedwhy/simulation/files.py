"""Files that are whole or not there at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes | str) -> None:
    """Writes `path` under a temporary name and renames it, so that no half of it is ever seen.

    Raises `OSError` that names `path`, and leaves nothing behind.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    temporary = path.with_name(f".writing-{path.name}-{os.getpid()}")
    try:
        write_synced(temporary, content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


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
