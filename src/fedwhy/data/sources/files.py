"""Where the files of a dataset lie: in the user's folder, in the cache, or at their official place.

A file is used only if its digest is right. What is downloaded or unpacked lies in the cache.
"""

import gzip
import hashlib
import logging
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from fedwhy.cache import cache_folder
from fedwhy.data.sources.download import download
from fedwhy.errors import DataError

log = logging.getLogger("fedwhy")

DATA_FOLDER = "FEDWHY_DATA_DIR"
BLOCK = 1 << 20


@dataclass(frozen=True)
class File:
    """A file that a dataset is read from.

    - `path`: its place in a data folder, such as `mnist/t10k-labels-idx1-ubyte.gz`
    - `digest`: `sha256:...` or `md5:...` of its bytes, as its publisher gives it
    - `urls`: its official places, tried in this order
    - `uncompressed`: whether the digest is that of what a `.gz` file holds, so that it does not
      matter who compressed it; then a file without `.gz` serves, too
    - `size`: about how many megabytes are downloaded
    """

    path: str
    digest: str
    urls: tuple[str, ...] = ()
    uncompressed: bool = False
    size: float = 0.0

    @property
    def paths(self) -> tuple[str, ...]:
        """The places in a data folder where it may lie."""
        return (self.path, self.path.removesuffix(".gz")) if self.uncompressed else (self.path,)


def data_folders() -> list[Path]:
    """The folders where files are looked for: the user's, if there is one, then the cache."""
    own = os.environ.get(DATA_FOLDER)
    return [*([Path(own)] if own else []), cache_folder() / "data"]


def locate(file: File) -> Path:
    """Where `file` lies; downloads it where it is in no data folder.

    Raises `DataError` for a file with another digest, and for one that cannot be downloaded.
    """
    for folder in data_folders():
        for path in (folder / place for place in file.paths):
            if path.is_file():
                check(path, file)
                return path
    target = data_folders()[-1] / file.path
    advice = f"put {file.path} into {data_folders()[0]}, or set {DATA_FOLDER} to where it lies"
    return download(file.urls, target, lambda partial: fault(partial, file), advice, file.size)


def member(archive: File, name: str) -> Path:
    """Where the file `name` of a tar or zip archive lies, unpacked beside it in the cache.

    Its digest is noted when it is unpacked, and checked ever after. One in the user's folder serves
    too, though only archives have published digests.
    """
    place = PurePosixPath(archive.path).with_name(PurePosixPath(name).name)
    *own, cache = (folder / place for folder in data_folders())
    for path in own:
        if path.is_file():
            log.warning("%s is used as it is: only %s has a digest", path, archive.path)
            return path
    noted = cache.with_name(f"{cache.name}.sha256")
    if not (cache.is_file() and noted.is_file() and noted.read_text() == sha256(cache)):
        unpack(locate(archive), name, cache)
        noted.write_text(sha256(cache))
    return cache


def unpack(archive: Path, name: str, target: Path) -> None:
    """Writes the file `name` of `archive` to `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with opened(archive, name) as source, partial.open("wb") as file:
            shutil.copyfileobj(source, file, BLOCK)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except (KeyError, tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: {name} cannot be unpacked: {error}; delete it") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def opened(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of one file of an archive."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed, packed.open(name) as file:
            yield file
    else:
        with tarfile.open(archive) as packed:
            file = packed.extractfile(name)
            if file is None:
                raise KeyError(f"{name} is no file")
            yield file


def check(path: Path, file: File) -> None:
    """Raises `DataError` where the digest of the file at `path` is not that of `file`."""
    if wrong := fault(path, file):
        raise DataError(f"{path}: {wrong}; delete it, or put the right one there")


def fault(path: Path, file: File) -> str | None:
    """What is wrong with the file at `path`, if it is to be `file`."""
    algorithm, expected = file.digest.split(":")
    try:
        found = digest(path, algorithm, file.uncompressed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return f"it cannot be uncompressed ({error})"
    if found == expected:
        return None
    return f"its {algorithm} is {found}, expected {expected}: it is damaged, or another file"


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    return digest(path, "sha256", uncompressed=False)


def digest(path: Path, algorithm: str, uncompressed: bool) -> str:
    """The digest of a file's bytes, or of those that a `.gz` file holds."""
    function = hashlib.new(algorithm, usedforsecurity=False)
    with compressed_or_not(path) if uncompressed else path.open("rb") as file:
        while block := file.read(BLOCK):
            function.update(block)
    return function.hexdigest()


def compressed_or_not(path: Path) -> Any:
    """An open file that gives the uncompressed bytes."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")
