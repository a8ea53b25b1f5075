"""The arrays of an `x` by name: "image" in a dict, "0" in a tuple, "a/b" in nested ones.

An `x` that is one array has the name "".
"""

from collections.abc import Callable
from typing import Any

import jax

from fedwhy.errors import DataError, ParameterError, suggest

PyTree = Any


def leaf_key(path: tuple[Any, ...]) -> str:
    """The name of the array that `path` leads to."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def named_arrays(x: PyTree, leaf: str | None = None) -> dict[str, Any]:
    """The arrays of `x` by name, or only the one called `leaf`.

    Raises `ParameterError` where there is none called so.
    """
    arrays = {leaf_key(path): array for path, array in jax.tree_util.tree_leaves_with_path(x)}
    if leaf is None:
        return arrays
    if leaf not in arrays:
        named = suggest(leaf, list(arrays)) if "" not in arrays else "; x is one array without name"
        raise ParameterError("leaf", f"x has no array {leaf!r}{named}")
    return {leaf: arrays[leaf]}


def map_arrays(function: Callable[[str, Any], Any], x: PyTree, leaf: str | None = None) -> PyTree:
    """`x` with `function(name, array)` for every array, or for the one called `leaf`."""
    chosen = named_arrays(x, leaf)

    def one(path: tuple[Any, ...], array: Any) -> Any:
        name = leaf_key(path)
        return function(name, array) if name in chosen else array

    return jax.tree_util.tree_map_with_path(one, x)


def map_images(
    step: str, function: Callable[[jax.Array], jax.Array], x: PyTree, leaf: str | None = None
) -> PyTree:
    """`x` with `function(images)` for every array `[batch, height, width, channels]`.

    Raises `DataError` for an array of another form, in the name of `step`.
    """

    def one(name: str, array: jax.Array) -> jax.Array:
        if array.ndim != 4:
            held = f"x[{name!r}]" if name else "x"
            raise DataError(
                f"{step} takes images [batch, height, width, channels], but {held} is "
                f"{array.dtype}[{','.join(map(str, array.shape))}]; give a grey image one channel, "
                "or name the array that holds the images by leaf="
            )
        return function(array)

    return map_arrays(one, x, leaf)
