"""`Window`: the convolutions and poolings of a model, and how much of an image is left for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax.extend import core


class Window(NamedTuple):
    """A convolution: heights and widths of what it is given, of its kernel and of what it gives."""

    given: tuple[int, ...]
    kernel: tuple[int, ...]
    gives: tuple[int, ...]

    @property
    def blind(self) -> bool:
        """Whether even its middle position sees little but padding: the kernel is mostly outside.

        So it is where a kernel of 3 meets a single pixel.
        """
        return all(k > 1 and g <= k // 2 for k, g in zip(self.kernel, self.given, strict=True))


def windows(function: Callable[..., Any], *args: Any) -> tuple[Window, ...]:
    """The convolutions of images in `function(*args)`, in order; `args` may be shapes."""
    return tuple(_windows(jax.make_jaxpr(function)(*args).jaxpr))


def _windows(jaxpr: core.Jaxpr) -> Iterator[Window]:
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            numbers = equation.params["dimension_numbers"]
            shapes = [equation.invars[0], equation.invars[1], equation.outvars[0]]
            axes = [numbers.lhs_spec[2:], numbers.rhs_spec[2:], numbers.out_spec[2:]]
            yield Window(
                *(
                    tuple(variable.aval.shape[axis] for axis in which)
                    for variable, which in zip(shapes, axes, strict=True)
                )
            )
        for inner in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda p: isinstance(p, core.Jaxpr | core.ClosedJaxpr),
        ):
            if isinstance(inner, core.ClosedJaxpr):
                yield from _windows(inner.jaxpr)
            elif isinstance(inner, core.Jaxpr):
                yield from _windows(inner)
