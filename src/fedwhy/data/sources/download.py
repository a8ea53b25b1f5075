"""`download`: fetches a file whole or not at all, and goes on where it was cut."""

import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from fedwhy.errors import DataError

BLOCK = 1 << 18
PATIENCE = 30  # seconds without a byte
ATTEMPTS = 5  # in a row that bring nothing

CUT = (OSError, http.client.HTTPException)  # URLError and time-outs are OSErrors.


def download(
    urls: Sequence[str],
    target: Path,
    fault: Callable[[Path], str | None],
    advice: str,
    megabytes: float = 0.0,
) -> Path:
    """Fetches the first of `urls` that has the right file to `target`, and returns it.

    Bytes gather in `target` with `.partial` behind its name, where a later call goes on; only what
    has no `fault` is given the name itself. Processes that want the same file wait for each other.
    Raises `DataError` with `advice` where no place has it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    while not target.exists():
        with partial.open("ab") as file, locked(file):
            if not is_same(file, partial):  # Another process was faster, or gave up.
                continue
            reasons = []
            for url in urls:
                reason = fetch_right(url, file, partial, fault)
                if reason is None:
                    os.fsync(file.fileno())
                    partial.replace(target)
                    return target
                reasons.append(reason)
            if not file.tell():
                partial.unlink()
        size = f" ({megabytes:g} MB)" if megabytes else ""
        told = "; ".join(reasons) or "it has no address"
        raise DataError(f"{target.name}{size} could not be downloaded ({told}); {advice}")
    return target


def fetch_right(
    url: str, file: Any, partial: Path, fault: Callable[[Path], str | None]
) -> str | None:
    """Fetches what is missing of the file at `url`; returns the reason where it is not right.

    Where what was there before may be to blame, all of it is fetched once more.
    """
    while True:
        resumed = file.tell() > 0
        reason = fetch(url, file)
        if reason is None:
            wrong = fault(partial)
            if wrong is None:
                return None
            file.truncate(0)  # Else every later call would go on with it.
            file.seek(0)
            reason = f"{url}: {wrong}"
            if resumed:
                continue
        return reason


def is_same(file: Any, path: Path) -> bool:
    """Whether the open `file` is still what `path` names."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


def fetch(url: str, file: Any) -> str | None:
    """Appends what is missing of the file at `url`; returns the reason where that fails."""
    failures = 0
    with progress() as bar:
        task = bar.add_task(url.rsplit("/", 1)[-1], total=None)

        def tell(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        while True:
            before = file.tell()
            try:
                if append(url, file, tell):
                    return None
                reason = f"{url}: the connection ended early"
            except urllib.error.HTTPError as error:
                if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                    return None  # Nothing is missing.
                return f"{url}: {error.code} {error.reason}"
            except CUT as error:
                reason = f"{url}: {getattr(error, 'reason', error)}"
            failures = 0 if file.tell() > before else failures + 1
            if failures == ATTEMPTS or (failures and not before):
                return reason


def append(url: str, file: Any, tell: Callable[[int, int | None], None]) -> bool:
    """Appends to `file` what it lacks of the bytes at `url`; returns whether that is all."""
    start = file.tell()
    headers = {"User-Agent": "fedwhy"} | ({"Range": f"bytes={start}-"} if start else {})
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        if start and response.status != http.client.PARTIAL_CONTENT:
            file.truncate(0)  # The server gives the file from its beginning only.
            start = file.seek(0)
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        while block := response.read(BLOCK):
            file.write(block)
            tell(file.tell(), total)
    file.flush()
    return total is None or file.tell() >= total


def progress() -> Progress:
    """A bar on standard error, if a person is watching."""
    name, speed = TextColumn("{task.description}"), TransferSpeedColumn()
    options: dict[str, Any] = {"console": Console(stderr=True), "transient": True}
    watched = sys.stderr.isatty()
    return Progress(name, BarColumn(), DownloadColumn(), speed, disable=not watched, **options)


@contextmanager
def locked(file: Any) -> Iterator[None]:
    """Within it, other processes that lock the same file wait."""
    import fcntl  # Windows has none.

    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0, os.SEEK_END)  # Another may have appended while this one waited.
    yield  # Closing the file unlocks it.
