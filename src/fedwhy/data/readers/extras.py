"""Libraries that only some readers need: imported when needed, and named when missing."""

import importlib
from typing import Any

from fedwhy.errors import DataError


def use(module: str, extra: str, purpose: str) -> Any:
    """Imports `module`; raises `DataError` that names the extra of fedwhy which installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise DataError(
            f'{purpose} needs {library}, which is not installed: pip install "fedwhy[{extra}]"'
        ) from error
