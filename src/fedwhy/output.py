"""How commands write: pages where they can, JSON alone on standard output, aligned tables."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from fedwhy.errors import ParameterError
from fedwhy.tracking import finite


def checked_page(path: Path, option: str = "--out") -> Path:
    """`path`, where a file can be written; raises `ParameterError` for a folder, or in none."""
    if path.is_dir():
        raise ParameterError(option, f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise ParameterError(option, f"there is no folder {path.parent} for {path}; make it first")
    return path


@contextmanager
def only_json(as_json: bool) -> Iterator[None]:
    """Within it, with `--json`, what others print goes to standard error.

    That is what the user's modules print, and what libraries write past Python (Gloo does).
    """
    if not as_json:
        yield
        return
    sys.stdout.flush()
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(output, 1)
        os.close(output)


def print_json(value: dict[str, Any]) -> None:
    """Prints one strict JSON object on standard output."""
    print(json.dumps(finite(value), indent=1, allow_nan=False))


def print_table(header: tuple[str, ...], rows: list[list[Any]]) -> None:
    """Prints an aligned table."""
    table = Table(*header, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
