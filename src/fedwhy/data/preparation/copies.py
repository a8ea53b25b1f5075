"""Prepared copies of arrays; those that a preparation does not touch stay as they are."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data.arrays import leaves_of
from fedwhy.data.checks import Examples, check_range
from fedwhy.data.preparation.blocks import blocks, one_example, rows_at_once

PyTree = Any


class Use(NamedTuple):
    """What a function does with its arrays, by their numbers.

    `read` are those that it computes with; `passed_on` tells of each result which array it is,
    or None where it is computed.
    """

    read: set[int]
    passed_on: list[int | None]


def use_of(function: Callable[[PyTree], PyTree], arrays: PyTree) -> Use:
    """What `function` does with `arrays`, as its trace tells."""
    with jax.enable_x64(True):  # Else a cast from 64 bits to 32 leaves no trace.
        trace = jax.make_jaxpr(function)(one_example(arrays)).jaxpr
    numbers = {id(variable): number for number, variable in enumerate(trace.invars)}
    operands = [id(operand) for equation in trace.eqns for operand in equation.invars]
    return Use(
        read={numbers[operand] for operand in operands if operand in numbers},
        passed_on=[numbers.get(id(result)) for result in trace.outvars],
    )


def check_ranges(data: Examples, field: str, function: Callable[[PyTree], PyTree]) -> None:
    """Raises `DataError` for values that `function` reads and JAX cannot hold, as of 64 bits.

    `field` is "x" or "y".
    """
    arrays = getattr(data, field)
    read = use_of(function, arrays).read
    for number, (name, array) in enumerate(leaves_of(field, arrays)):
        if number in read:
            check_range(data, name, array)


def prepared(data: Examples, field: str, function: Callable[[PyTree], PyTree]) -> PyTree:
    """`function` of the field "x" or "y", computed block by block, as NumPy arrays.

    Raises `DataError` as `check_ranges` does.
    """
    check_ranges(data, field, function)
    arrays = getattr(data, field)
    passed_on = use_of(function, arrays).passed_on

    def computed(block: PyTree) -> list[Any]:
        results = jax.tree.leaves(function(block))
        return [result for result, at in zip(results, passed_on, strict=True) if at is None]

    examples = len(data.y)
    rows = min(examples, rows_at_once(one_example(arrays), one_example(arrays, computed)))
    parts = (
        [part for *_, part in blocks(jax.jit(computed), arrays, 0, examples, rows)]
        if None in passed_on
        else []
    )
    new = (np.concatenate(each) for each in zip(*parts, strict=True))
    given = jax.tree.leaves(arrays)
    results = [next(new) if at is None else given[at] for at in passed_on]
    return jax.tree.unflatten(jax.tree.structure(one_example(arrays, function)), results)
