"""`Window`: the convolutions and poolings of a model, and how much of an image is left for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
from jax.extend import core

# How JAX calls the poolings of its programs.
# Height and width of an image that is more than a pixel's surroundings.
LARGE = 5


class Window(NamedTuple):
    """A convolution or pooling: heights and widths of its input, its window and its output."""

    given: tuple[int, ...]
    kernel: tuple[int, ...]
    gives: tuple[int, ...]

    @property
    def blind(self) -> bool:
        """Whether even its middle position sees little but padding: the kernel is mostly outside.

        So it is where a kernel of 3 meets a single pixel.
        """
        return all(k > 1 and g <= k // 2 for k, g in zip(self.kernel, self.given, strict=True))

    @property
    def swallows(self) -> bool:
        """Whether it makes a single pixel of an image of `LARGE` by `LARGE` or more."""
        sides = all(g >= LARGE and o == 1 for g, o in zip(self.given, self.gives, strict=True))
        return bool(self.given) and sides


POOLINGS = ("reduce_window_max", "reduce_window_sum", "reduce_window_min", "reduce_window")


def windows(function: Callable[..., Any], *args: Any) -> tuple[Window, ...]:
    """The convolutions of images in `function(*args)`, in order; `args` may be shapes."""
    found = []
    for equation in _equations(jax.make_jaxpr(function)(*args).jaxpr):
        if equation.primitive.name == "conv_general_dilated":
            numbers = equation.params["dimension_numbers"]
            variables = equation.invars[0], equation.invars[1], equation.outvars[0]
            axes = [numbers.lhs_spec[2:], numbers.rhs_spec[2:], numbers.out_spec[2:]]
            shapes = [
                tuple(variable.aval.shape[axis] for axis in which)
                for variable, which in zip(variables, axes, strict=True)
            ]
            found.append(Window(*shapes))
    return tuple(found)


def poolings(function: Callable[..., Any], *args: Any) -> tuple[Window, ...]:
    """The poolings of images in `function(*args)`, in order; `args` may be shapes."""
    found = []
    for equation in _equations(jax.make_jaxpr(function)(*args).jaxpr):
        if equation.primitive.name in POOLINGS and equation.invars[0].aval.ndim == 4:
            window = equation.params["window_dimensions"]
            axes = [axis for axis, size in enumerate(window) if size > 1]
            shapes = equation.invars[0].aval.shape, window, equation.outvars[0].aval.shape
            found.append(Window(*(tuple(shape[axis] for axis in axes) for shape in shapes)))
    return tuple(found)


def _equations(jaxpr: core.Jaxpr) -> Iterator[Any]:
    """The equations of a program, and those within them, in order."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()),
            is_leaf=lambda p: isinstance(p, core.Jaxpr | core.ClosedJaxpr),
        ):
            if isinstance(inner, core.ClosedJaxpr):
                yield from _equations(inner.jaxpr)
            elif isinstance(inner, core.Jaxpr):
                yield from _equations(inner)
