"""What one run leaves for the next: compiled programs, and how the engine had best be set."""

import json
import os
from typing import Any

import jax

from fedwhy.cache import cache_folder

REMEMBERED: dict[str, dict[str, Any]] = {}


def keep_compiled_programs() -> None:
    """Lets JAX keep what it compiles from run to run, unless it was told where to, or not to.

    Small programs too, of which a run has many: to read one takes less time than to compile it.
    """
    config: Any = jax.config  # Its options are not typed.
    if config.jax_compilation_cache_dir is None and config.jax_enable_compilation_cache:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def recall(key: str) -> dict[str, Any] | None:
    """What was remembered under `key`, by this process or an earlier one."""
    if key in REMEMBERED:
        return REMEMBERED[key]
    try:
        return json.loads((cache_folder() / "engine" / key).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # Nothing yet, or nothing to rely on: measure again.
        return None


def remember(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """Keeps `value` under `key`, unless another process was first; returns what is kept.

    Where the folder cannot be written, this process alone remembers.
    """
    folder = cache_folder() / "engine"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{key}-{os.getpid()}"
        temporary.write_text(json.dumps(value), encoding="utf-8")
        try:
            os.link(temporary, folder / key)
        finally:
            temporary.unlink()
    except FileExistsError:
        value = recall(key) or value
    except OSError:  # Such as a read-only home.
        pass
    return REMEMBERED.setdefault(key, value)
