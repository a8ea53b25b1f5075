"""`Preparation`: steps one after another, fitted on clients, the same for training and serving."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

import jax
import numpy as np

from fedwhy.data.arranging import classes_of
from fedwhy.data.checks import Examples, check_one_hot
from fedwhy.data.dataset import Dataset
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.preparation.copies import check_ranges, prepared
from fedwhy.data.preparation.standardise import Standardise
from fedwhy.data.preparation.steps import Cast, Flatten, OneHot, Resize, Scale
from fedwhy.errors import ParameterError, suggest

PyTree = Any
AnyDataset = TypeVar("AnyDataset", Dataset, FederatedDataset)

STEPS: dict[str, type] = {
    step.__name__: step for step in (Cast, Flatten, OneHot, Resize, Scale, Standardise)
}


@dataclass(frozen=True, init=False, eq=False)
class Preparation:
    """What is done to examples before the model sees them, step by step.

    A step is a dataclass with `inputs(x)` or `labels(y)`, or both: pure functions of a batch that
    JAX can trace, the batch axis first. One that has to see data first has
    `fit(clients, inputs) -> step`, where `inputs` is what the steps before it do to a batch, or
    None.

        preparation = fw.Preparation(fw.prepare.Scale(255), fw.prepare.Standardise()).fit(clients)
        model = model.prepared(preparation)    # inside the rounds: bytes stay bytes in memory
        copy = preparation.apply(clients)      # or once and for all
    """

    steps: tuple[Any, ...]

    def __init__(self, *steps: Any):
        for step in steps:
            acts = hasattr(step, "inputs") or hasattr(step, "labels")
            if isinstance(step, type) or not is_dataclass(step) or not acts:
                raise ParameterError("steps", f"expected a step such as Scale(255), given {step!r}")
        object.__setattr__(self, "steps", steps)

    def fit(self, clients: FederatedDataset) -> Preparation:
        """Returns this preparation with its steps fitted on `clients`, in order.

        Each step sees the examples as those before it leave them, a block at a time; no prepared
        copy is made. What reaches the server are sums over clients, never examples. Raises
        `DataError` for values that JAX cannot hold.
        """
        if not isinstance(clients, FederatedDataset):
            raise ParameterError(
                "clients", f"expected a FederatedDataset to fit on, given {type(clients).__name__}"
            )
        fitted = Preparation()
        for step in self.steps:
            if hasattr(step, "fit"):
                check_ranges(clients, "x", fitted.inputs)
                step = step.fit(clients, fitted.inputs if fitted._having("inputs") else None)
            fitted = Preparation(*fitted.steps, step)
        check_ranges(clients, "x", fitted.inputs)
        return fitted

    def inputs(self, x: PyTree) -> PyTree:
        """A batch's inputs, prepared."""
        for step in self._having("inputs"):
            x = step.inputs(x)
        return x

    def labels(self, y: Any) -> Any:
        """A batch's targets, prepared."""
        for step in self._having("labels"):
            y = step.labels(y)
        return y

    def apply(self, data: AnyDataset) -> AnyDataset:
        """A prepared copy of `data`, in NumPy; `classes` is None where labels become one-hot.

        Arrays that no step changes are shared. Raises `DataError` for values that JAX cannot hold,
        and for labels that `check_labels` refuses.
        """
        self.check_labels(data)
        x = prepared(data, "x", self.inputs)
        y = prepared(data, "y", self.labels)
        return replace(data, x=x, y=y, classes=classes_of(data, y))

    def check_labels(self, data: Examples, ignored_class: int | None = None) -> None:
        """Raises `DataError` for labels of `data` that cannot be made one-hot.

        They may also be `ignored_class`. Where a step acts on labels before `OneHot` does, what it
        makes of them is not checked.
        """
        first = next(iter(self._having("labels")), None)
        if isinstance(first, OneHot) and first.classes is not None:
            check_one_hot(data, "OneHot", first.classes, ignored_class)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain lists, numbers and strings, ready for JSON.

        What is none of these, in a step of the user's own, is told by its `repr`.
        """
        return {"steps": [step_dict(step) for step in self.steps]}

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> Preparation:
        """The preparation of which `to_dict` gave `value`, to the last bit.

        Raises `ParameterError` for anything else, and for a step that is not one of fedwhy's.
        """
        steps = value.get("steps") if isinstance(value, Mapping) else None
        if not isinstance(steps, list):
            raise ParameterError("steps", f'expected {{"steps": [...]}}, given {value!r}')
        return Preparation(*map(step_of, steps))

    def _having(self, method: str) -> list[Any]:
        """The steps that have `method`."""
        return [step for step in self.steps if hasattr(step, method)]


def step_of(value: Any) -> Any:
    """The step of which `step_dict` gave `value`; raises `ParameterError` for anything else."""
    if not isinstance(value, Mapping) or not isinstance(value.get("step"), str):
        raise ParameterError("step", f'expected {{"step": name, ...}}, given {value!r}')
    options = dict(value)
    step = STEPS.get(options.pop("step"))
    if step is None:
        name = value["step"]
        raise ParameterError("step", f"unknown step {name!r}{suggest(name, list(STEPS))}")
    known = [field.name for field in fields(step)]
    for option in options:
        if option not in known:
            raise ParameterError(f"{step.__name__}.{option}", f"unknown{suggest(option, known)}")
    try:
        return step(**options)
    except TypeError as error:  # An option without a default is missing.
        raise ParameterError(step.__name__, f"{error}") from error


def step_dict(step: Any) -> dict[str, Any]:
    """A step's name and what it was made with, without what is None."""
    options = {field.name: plain(getattr(step, field.name)) for field in fields(step)}
    return {"step": type(step).__name__} | {k: v for k, v in options.items() if v is not None}


def plain(value: Any) -> Any:
    """`value` with lists in place of arrays, and texts in place of what JSON does not know."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return value.tolist()
    if isinstance(value, str | bool | int | float | None):
        return value
    # Where an object lies in memory is another place in every process.
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
