"""Every exception that fedwhy raises for something the user can mend.

FedwhyError
├── ParameterError      an argument or an experiment key with an impossible value
│   └── ExperimentError     the same, in an experiment file: names the key and its line
├── DataError           examples, labels, clients or partitions that cannot be used
├── ModelError          a model that cannot be built, or does not fit its data
├── PlacementError      a federated computation given the wrong placement, shape or dtype
├── EngineError         a round that the machine cannot run: too little memory, a lost process
├── PreflightError      a run that cannot work, as its diagnosis found before it began
├── CheckpointError     a checkpoint that is missing, damaged, or of another experiment
└── RunError            a run folder that cannot be written or read
"""

import numbers
import operator
from typing import Any


class FedwhyError(Exception):
    """Base of all errors that name a cause and what to do about it."""


class ParameterError(FedwhyError, ValueError):
    """An argument has an impossible value; `parameter` is its name."""

    def __init__(self, parameter: str, message: str):
        super().__init__(f"{parameter}: {message}")
        self.parameter = parameter
        self.message = message


class ExperimentError(ParameterError):
    """An experiment file, or a `--set`, is refused; the message holds the key and its line."""


class DataError(FedwhyError, ValueError):
    """Examples, labels, clients or a partition that cannot be used."""


class ModelError(FedwhyError, ValueError):
    """A model that cannot be built, or whose inputs or outputs do not fit the data."""


class PlacementError(FedwhyError, TypeError):
    """A federated computation was given a wrong placement, shape or dtype."""


class EngineError(FedwhyError):
    """A round that the machine cannot run: too little memory, or a process that was lost."""


class PreflightError(FedwhyError):
    """A run that cannot work, whatever else is right: names the cause and what to change."""


class CheckpointError(FedwhyError):
    """No intact checkpoint, or one that belongs to another experiment."""


class RunError(FedwhyError):
    """A run folder that cannot be written, or is not a run folder."""


def number(
    parameter: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> float:
    """Returns `value` as a float or an int if it is finite and inside the bounds.

    Raises `ParameterError` else.
    """
    bounds = [
        f"{sign} {bound:g}"
        for sign, bound in ((">", above), (">=", at_least), ("<=", at_most), ("<", below))
        if bound is not None
    ]
    expected = "a finite number" + (f" {' and '.join(bounds)}" if bounds else "")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ParameterError(parameter, f"expected {expected}, given {value!r}")
    value = int(value) if isinstance(value, numbers.Integral) else float(value)
    inside = (
        float("-inf") < value < float("inf")
        and (above is None or value > above)
        and (at_least is None or value >= at_least)
        and (at_most is None or value <= at_most)
        and (below is None or value < below)
    )
    if not inside:
        raise ParameterError(parameter, f"expected {expected}, given {value!r}")
    return value


def whole_number(parameter: str, value: Any, *, at_least: int = 0, at_most: int = 2**31 - 1) -> int:
    """Returns `value` as an int if it is whole and in bounds; raises `ParameterError` else."""
    try:
        whole = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        whole = None
    if whole is None or whole < at_least:
        expected = f"expected a whole number of at least {at_least}"
        raise ParameterError(parameter, f"{expected}, given {value!r}")
    if whole > at_most:
        raise ParameterError(parameter, f"expected at most {at_most}, given {value!r}")
    return whole


def one_of(parameter: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Returns `value` if it is one of `allowed`; raises `ParameterError` with the nearest else."""
    if value not in allowed:
        raise ParameterError(parameter, f"unknown value {value!r}{suggest(str(value), allowed)}")
    return value


def instance_with(parameter: str, value: Any, method: str, expected: str) -> None:
    """Raises `ParameterError` unless `value` is an object, and no class, that has `method`."""
    if isinstance(value, type) or not callable(getattr(value, method, None)):
        raise ParameterError(parameter, f"expected {expected}, given {value!r}")


def suggest(given: str, allowed: tuple[str, ...] | list[str]) -> str:
    """Returns '; did you mean "x"? Allowed: a, b, c' for an error about an unknown name."""
    import difflib

    near = difflib.get_close_matches(given, allowed, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ";"
    return f"{hint} Allowed: {', '.join(allowed)}"
