"""The folder that keeps, from run to run, what can be made or fetched again."""

import os
from pathlib import Path

from platformdirs import user_cache_path

FOLDER = "FEDWHY_CACHE_DIR"


def cache_folder() -> Path:
    """The user's cache folder, or the one that the environment variable FEDWHY_CACHE_DIR names."""
    return Path(os.environ.get(FOLDER) or user_cache_path("fedwhy"))
