"""What a message must be that comes from elsewhere: structure, shapes, dtypes, and then numbers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators.aggregator import Message
from fedwhy.federated import paths
from fedwhy.federated.types import FederatedType, TensorType

PyTree = Any


class Refused(Exception):
    """Why a message is not taken: the array at fault, what was expected, and what was given."""


def message_of(given: Any, expected: FederatedType) -> Message:
    """A message of arrays, as they are expected; raises `Refused` where they are not.

    Only the update and the weight are a client's to say. How likely it was drawn, how far it is
    trusted and what it is compared with are the server's, so they are as if it had said nothing.
    """
    if not isinstance(given, tuple):
        raise Refused(f"expected a Message or (update, weight), given {type(given).__name__}")
    if not (isinstance(given, Message) or len(given) == 2):
        raise Refused(f"expected a Message or (update, weight), given a tuple of {len(given)}")
    update = update_of(given[0], expected)
    weight = number_of("weight", given[1])
    if not weight > 0:
        raise Refused(f"weight: expected a positive number, given {weight:g}")
    return Message(update, jnp.float32(weight))


def update_of(given: PyTree, expected: FederatedType) -> PyTree:
    """An update, as JAX's arrays."""
    wanted = dict(paths.with_paths(expected.member))
    try:
        leaves = dict(paths.with_paths(given))
    except (TypeError, ValueError, RecursionError) as error:  # Such as keys that have no order.
        raise Refused(
            f"expected the structure {expected.structure}, given {error!r:.200}"
        ) from None
    for path, kind in wanted.items():
        if path not in leaves:
            raise Refused(f"{path}: expected {kind}, given nothing")
    for path in leaves:
        if path not in wanted:
            raise Refused(f"{path}: expected nothing, given {array_of(path, leaves[path])[1]}")
    if jax.tree.structure(given) != expected.structure:
        raise Refused(
            f"expected the structure {expected.structure}, given {jax.tree.structure(given)}"
        )
    arrays = []
    for path, kind in wanted.items():
        array, given_kind = array_of(path, leaves[path])
        if given_kind != kind:
            raise Refused(f"{path}: expected {kind}, given {given_kind}")
        if jnp.issubdtype(array.dtype, jnp.inexact) and not (finite := np.isfinite(array)).all():
            place = tuple(map(int, np.argwhere(~finite)[0]))
            at = f" at {list(place)}" if place else ""
            raise Refused(f"{path}: expected finite numbers, given {array[place]}{at}")
        arrays.append(jnp.asarray(array))
    return jax.tree.unflatten(expected.structure, arrays)


def array_of(path: str, leaf: Any) -> tuple[np.ndarray, TensorType]:
    """A leaf as a NumPy array, and its type."""
    try:
        array = np.asarray(leaf)
    except (TypeError, ValueError, RuntimeError):
        raise Refused(f"{path}: expected an array, given {type(leaf).__name__}") from None
    return array, TensorType(array.dtype, array.shape)


def number_of(name: str, given: Any) -> float:
    """A number that a float32 can hold."""
    array, kind = array_of(name, given)
    real = jnp.issubdtype(kind.dtype, jnp.floating) or jnp.issubdtype(kind.dtype, jnp.integer)
    if array.shape or not real:
        raise Refused(f"{name}: expected a number, given {kind}")
    number = float(array)
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise Refused(f"{name}: expected a finite number, given {number:g}")
    return number
