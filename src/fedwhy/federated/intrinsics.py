"""The verbs of the language: how values move between clients and server.

Each takes and returns placed values (pytrees of arrays at a placement) and works inside
`@federated_computation` only. Given a value at the wrong placement, or without one, each raises
`PlacementError` with the signature it expects and the one it was given. They take names of Python
builtins, so import the package: `import fedwhy.federated as ff`, then `ff.map`, `ff.sum`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.federated.mesh import over_clients
from fedwhy.federated.placed import (
    Placed,
    describe,
    holds_placed,
    is_placed,
    per_client,
    place,
)
from fedwhy.federated.types import CLIENTS, SERVER, Placement, PyTree, mismatch

__all__ = ["broadcast", "collect", "map", "max", "mean", "min", "sum", "value", "zip"]


def value(constant: PyTree, placement: Placement) -> Placed:
    """Places a constant: a number, an array or a pytree of them, the same for every client."""
    expected = "(T, CLIENTS) -> {T}@CLIENTS or (T, SERVER) -> T@SERVER, T of arrays"
    if not isinstance(placement, Placement):
        raise mismatch("value", f"{placement!r} is no placement", expected, describe(constant))
    if holds_placed(constant):
        raise mismatch("value", "the value is placed already", expected, describe(constant))
    try:
        member = jax.tree.map(jnp.asarray, constant)
    except TypeError:
        raise mismatch("value", "not an array", expected, describe(constant)) from None
    return place(member, placement, shared=placement is CLIENTS)


def broadcast(value: Placed) -> Placed:
    """Sends the server's value to every client: `T@SERVER -> {T}@CLIENTS`. Copies nothing."""
    _require("broadcast", "T@SERVER -> {T}@CLIENTS", SERVER, value)
    return place(value.member, CLIENTS, shared=True)


def map(fn: Callable[..., PyTree], *values: Placed) -> Placed:
    """Applies `fn` where the values are: at each client to its own, or at the server.

    `fn` takes one argument a value, without the axis of clients, and returns a pytree of arrays.
    What depends on nothing but broadcast values is computed once, for all clients.
    """
    expected = "(T, ... -> U, {T}@CLIENTS, ...) -> {U}@CLIENTS or the same at SERVER"
    placement = _common_placement("map", expected, *values)

    def unplaced(*members: PyTree) -> PyTree:
        result = fn(*members)
        if holds_placed(result):
            raise mismatch("map", "fn returned a placed value", expected, describe(result))
        return jax.tree.map(jnp.asarray, result)

    members = [value.member for value in values]
    if all(all(value.shared) for value in values) or placement is SERVER:
        return place(unplaced(*members), placement, shared=placement is CLIENTS)
    result = jax.vmap(unplaced, in_axes=tuple(value.axes for value in values))(*members)
    return place(jax.tree.map(over_clients, result), CLIENTS)


def zip(*values: Any) -> Placed:
    """Joins values at one placement into one value that is a structure.

    `zip(a, b)` is a tuple; `zip({"x": a, "y": b})`, or any one pytree of values, keeps its form.
    """
    expected = "({T}@CLIENTS, {U}@CLIENTS, ...) -> {<T,U,...>}@CLIENTS or the same at SERVER"
    tree = values[0] if len(values) == 1 and not is_placed(values[0]) else values
    parts = jax.tree.leaves(tree, is_leaf=is_placed)
    _common_placement("zip", expected, *parts)
    member = jax.tree.map(lambda part: part.member, tree, is_leaf=is_placed)
    shared = tuple(flag for part in parts for flag in part.shared)
    return replace(parts[0], member=member, shared=shared)


def collect(value: Placed) -> Placed:
    """Gathers every client's value at the server, stacked `[clients, ...]` in their order."""
    _require("collect", "{T[...]}@CLIENTS -> T[clients,...]@SERVER", CLIENTS, value)
    return place(per_client(value), SERVER)


def sum(value: Placed) -> Placed:
    """Sums over clients. Keeps the dtype, so small integers wrap around; refuses booleans."""
    expected = "{T}@CLIENTS -> T@SERVER, T numeric"
    _require("sum", expected, CLIENTS, value)
    _require_dtype("sum", expected, value, jnp.number)
    return _reduce(lambda leaf: jnp.sum(leaf, axis=0, dtype=leaf.dtype), value)


def min(value: Placed) -> Placed:
    """The least over clients, element by element; NaN where any client has NaN."""
    expected = "{T}@CLIENTS -> T@SERVER, T integer or floating"
    _require("min", expected, CLIENTS, value)
    _require_dtype("min", expected, value, jnp.integer, jnp.floating)
    return _reduce(lambda leaf: jnp.min(leaf, axis=0), value)


def max(value: Placed) -> Placed:
    """The greatest over clients, element by element; NaN where any client has NaN."""
    expected = "{T}@CLIENTS -> T@SERVER, T integer or floating"
    _require("max", expected, CLIENTS, value)
    _require_dtype("max", expected, value, jnp.integer, jnp.floating)
    return _reduce(lambda leaf: jnp.max(leaf, axis=0), value)


def mean(value: Placed, weight: Placed | None = None) -> Placed:
    """The mean over clients, `sum(weight * value) / sum(weight)`; without `weight`, all weigh 1.

    `value` is floating or complex: a mean of integers is refused, as TFF does, since it would
    have to change the type; map them to floats first. `weight` is one real number a client. When
    the weights sum to zero the result is NaN or infinite, by division.
    """
    expected = "({T}@CLIENTS, weight={number[]}@CLIENTS) -> T@SERVER, T floating or complex"
    given = (value,) if weight is None else (value, weight)
    _require("mean", expected, CLIENTS, *given)
    _require_dtype("mean", expected, value, jnp.inexact)
    if weight is None:
        return _reduce(lambda leaf: jnp.mean(leaf, axis=0), value)
    if [leaf.shape for leaf in weight.type_signature.leaves] != [()]:
        raise mismatch("mean", "the weight is not a scalar", expected, describe(*given))
    _require_dtype("mean", expected, weight, jnp.integer, jnp.floating)
    (weights,) = jax.tree.leaves(per_client(weight))

    def weighted(leaf: jax.Array) -> jax.Array:
        # Half precision is too coarse for a sum of weights.
        dtype = jnp.promote_types(leaf.dtype, jnp.float32)
        w = weights.astype(jnp.finfo(dtype).dtype)
        scaled = jnp.expand_dims(w, range(1, leaf.ndim)) * leaf.astype(dtype)
        return (jnp.sum(scaled, axis=0) / jnp.sum(w)).astype(leaf.dtype)

    return _reduce(weighted, value)


def _reduce(reduction: Callable[[jax.Array], jax.Array], value: Placed) -> Placed:
    return place(jax.tree.map(reduction, per_client(value)), SERVER)


def _require(intrinsic: str, expected: str, placement: Placement, *values: Any) -> None:
    for each in values:
        if is_placed(each) and each.placement is placement:
            continue
        if is_placed(each):
            reason = f"a value is at {each.placement}, not at {placement}"
        elif holds_placed(each):
            reason = "a structure of values is not a value; ff.zip makes it one"
        else:
            reason = f"a value has no placement; ff.value(..., ff.{placement}) gives it one"
        raise mismatch(intrinsic, reason, expected, describe(*values))


def _require_dtype(intrinsic: str, expected: str, value: Placed, *kinds: Any) -> None:
    for leaf in value.type_signature.leaves:
        if not any(jnp.issubdtype(leaf.dtype, kind) for kind in kinds):
            reason = f"{leaf.dtype} is refused; ff.map to another dtype first"
            raise mismatch(intrinsic, reason, expected, describe(value))


def _common_placement(intrinsic: str, expected: str, *values: Any) -> Placement:
    if not values:
        raise mismatch(intrinsic, "no value is given", expected, "()")
    placement = values[0].placement if is_placed(values[0]) else CLIENTS
    _require(intrinsic, expected, placement, *values)
    return placement
