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
    check: Callable[[Path], None],
    advice: str,
    megabytes: float = 0.0,
) -> Path:
    """Fetches the first of `urls` that can be reached to `target`, and returns it.

    Bytes gather in `target` with `.partial` behind its name, where a later call goes on; only what
    passes `check` (which raises `DataError`) is given the name itself. Processes that want the same
    file wait for each other. Raises `DataError` with `advice` where no place can be reached.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    with partial.open("ab") as file, locked(file):
        if target.exists():  # Another process was faster.
            partial.unlink(missing_ok=True)
            return target
        reasons = [reason for url in urls if (reason := fetch(url, file))]
        if len(reasons) == len(urls):
            if not file.tell():
                partial.unlink()
            size = f" ({megabytes:g} MB)" if megabytes else ""
            told = "; ".join(reasons) or "it has no address"
            raise DataError(f"{target.name}{size} could not be downloaded ({told}); {advice}")
        os.fsync(file.fileno())
        try:
            check(partial)
        except DataError:
            partial.unlink()  # Else every later call would go on with it.
            raise
        partial.replace(target)
    return target


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
    """Within it, other processes that lock the same file wait; Windows lets all go on."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0, os.SEEK_END)  # Another may have appended while this one waited.
    yield  # Closing the file unlocks it.
