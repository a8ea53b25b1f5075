"""Examples a block of rows at a time, so that memory-mapped ones are never held whole."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from fedwhy.data.arrays import take

PyTree = Any

# Numbers held at once.
BLOCK = 1 << 20


def one_example(x: PyTree, function: Callable[[PyTree], PyTree] | None = None) -> PyTree:
    """Shapes and types of `function(x)` for one example, `[1, ...]`."""
    one = jax.tree.map(lambda a: jax.ShapeDtypeStruct((1, *a.shape[1:]), a.dtype), x)
    return one if function is None else jax.eval_shape(function, one)


def rows_at_once(*examples: PyTree) -> int:
    """How many rows to hold, for the largest of `examples` as `one_example` gives them."""
    largest = max(sum(math.prod(a.shape) for a in jax.tree.leaves(one)) for one in examples)
    return max(1, BLOCK // max(largest, 1))


def blocks(
    function: Callable[[PyTree], PyTree] | None, x: PyTree, start: int, stop: int, rows: int
) -> Iterator[tuple[int, int, PyTree]]:
    """`function(x)` of the rows `start:stop`: (first, end, NumPy arrays), at most `rows` at a time.

    `function` is given just as many rows each time, so that JAX compiles it once; what it makes of
    the rows that fill up the last block is left out. Without it, the arrays are views of `x`.
    """
    for first in range(start, stop, rows):
        end = min(first + rows, stop)
        if function is None:
            yield first, end, take(x, slice(first, end))
            continue
        filled = np.minimum(np.arange(first, first + rows), end - 1)
        yield first, end, take(jax.device_get(function(take(x, filled))), slice(end - first))
