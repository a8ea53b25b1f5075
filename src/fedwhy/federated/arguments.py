"""Arrays given to a computation, checked against the types of its parameters."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from fedwhy.federated.placed import Placed, array_type, place
from fedwhy.federated.types import (
    CLIENTS,
    FederatedType,
    FunctionType,
    PyTree,
    TensorType,
    listed,
    mismatch,
    text,
)


def placed_arguments(
    where: str, signature: FunctionType, arguments: dict[str, PyTree]
) -> tuple[int, tuple[Placed, ...]]:
    """Returns the number of clients (0 if no parameter is at the clients) and the placed values.

    `arguments` are pytrees of arrays by name, in the order of the parameters; those at the clients
    are `[clients, ...]`. Raises `PlacementError` when structure, shape or dtype of one differs
    from its type, or when they disagree on the number of clients.
    """
    parameters = signature.parameters
    try:
        values = tuple(map(_fit, arguments, parameters, arguments.values()))
        return _number_of_clients(arguments, values), values
    except TypeError as error:
        given = listed(tuple(map(_text, parameters, arguments.values())))
        raise mismatch(where, str(error), signature, given) from None


def _fit(name: str, parameter: FederatedType, argument: PyTree) -> Placed:
    structure = jax.tree.structure(argument)
    if structure != parameter.structure:
        reason = f"argument `{name}` has the structure {structure}, not {parameter.structure}"
        if parameter.placement is CLIENTS and isinstance(argument, list):
            reason += "; stack the clients first: jax.tree.map(lambda *all: jnp.stack(all), *list)"
        raise TypeError(reason)
    leaves = [
        _fit_leaf(f"argument `{name}{jax.tree_util.keystr(path)}`", parameter, expected, leaf)
        for (path, leaf), expected in zip(
            jax.tree_util.tree_leaves_with_path(argument), parameter.leaves, strict=True
        )
    ]
    return place(jax.tree.unflatten(structure, leaves), parameter.placement)


def _fit_leaf(name: str, parameter: FederatedType, expected: TensorType, leaf: Any) -> Any:
    if isinstance(leaf, bool | int | float | complex) and expected.dtype == jnp.result_type(
        expected.dtype, leaf
    ):
        leaf = jnp.asarray(leaf, expected.dtype)
    try:
        given = array_type(leaf)
    except TypeError:
        raise TypeError(f"{name} is no array but {type(leaf).__name__}") from None
    shape = given.shape
    if parameter.placement is CLIENTS:
        if not shape:
            raise TypeError(f"{name} has no axis of clients")
        shape = shape[1:]
    if shape != expected.shape or given.dtype != expected.dtype:
        raise TypeError(f"{name} is {TensorType(given.dtype, shape)}, not {expected}")
    return leaf


def _number_of_clients(names: Any, values: tuple[Placed, ...]) -> int:
    counts = {
        name: {leaf.shape[0] for leaf in jax.tree.leaves(value.member)}
        for name, value in zip(names, values, strict=True)
        if value.placement is CLIENTS
    }
    different = set().union(*counts.values())
    if len(different) > 1:
        each = ", ".join(f"`{name}` {sorted(found)}" for name, found in counts.items())
        raise TypeError(f"arguments disagree on the number of clients: {each}")
    if 0 in different:
        raise TypeError("there are no clients")
    return different.pop() if different else 0


def _text(parameter: FederatedType, argument: PyTree) -> str:
    at_clients = parameter.placement is CLIENTS

    def leaf_text(leaf: Any) -> str:
        try:
            given = array_type(leaf)
        except TypeError:
            return type(leaf).__name__
        if at_clients and not given.shape:
            return f"{given} (no axis of clients)"
        return str(TensorType(given.dtype, given.shape[at_clients:]))

    member = text(jax.tree.map(leaf_text, argument))
    return f"{{{member}}}@CLIENTS" if at_clients else f"{member}@SERVER"
