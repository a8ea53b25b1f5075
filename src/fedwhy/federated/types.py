"""What a federated value is: tensors, a structure around them, and where they are placed.

Types print as TFF's users know them: `{float32[784]}@CLIENTS`, `<w=float32[3],b=float32[]>@SERVER`,
and for a computation `({float32[784]}@CLIENTS, float32[]@SERVER) -> float32[784]@SERVER`. How many
clients there are is no part of a type.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.errors import PlacementError

PyTree = Any


class Placement(enum.Enum):
    """Where a value lives: one at each client, or one at the server."""

    CLIENTS = "CLIENTS"
    SERVER = "SERVER"

    def __str__(self) -> str:
        return self.value


CLIENTS = Placement.CLIENTS
SERVER = Placement.SERVER


@dataclass(frozen=True)
class TensorType:
    """An array's dtype and shape; prints as `float32[28,28]`.

    A dimension is a whole number, except in an inferred result: there it may be `"clients"`, the
    number of clients, or `"?"`, another size that follows from that number.
    """

    dtype: Any
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(str(size) for size in self.shape)}]"


@dataclass(frozen=True)
class FederatedType:
    """A pytree of tensors at a placement: its `PyTreeDef` and, in JAX's order, its tensors."""

    placement: Placement
    structure: Any
    leaves: tuple[TensorType, ...]

    @property
    def member(self) -> PyTree:
        """What one client, or the server, holds: a pytree of `TensorType`."""
        return jax.tree.unflatten(self.structure, self.leaves)

    def __str__(self) -> str:
        member = text(self.member)
        return f"{{{member}}}@CLIENTS" if self.placement is CLIENTS else f"{member}@SERVER"


@dataclass(frozen=True)
class FunctionType:
    """A computation's signature: `result` is a `FederatedType`, or a pytree of them."""

    parameters: tuple[FederatedType, ...]
    result: PyTree

    def __str__(self) -> str:
        return f"{listed(self.parameters)} -> {text(self.result)}"


def tensor(dtype: Any, *shape: int) -> TensorType:
    """The type of an array: `tensor(jnp.float32, 28, 28)`; without sizes, of a scalar.

    64-bit dtypes become what JAX makes of them, which is 32 bits unless `jax_enable_x64` is set.
    """
    if jnp.issubdtype(dtype, jax.dtypes.extended):
        return TensorType(dtype, shape)
    return TensorType(jax.dtypes.canonicalize_dtype(dtype), shape)


def at_clients(spec: PyTree) -> FederatedType:
    """The type of a value of which every client holds its own, `{spec}@CLIENTS`.

    `spec` is a `tensor`, a dtype (a scalar of it), a `jax.ShapeDtypeStruct`, an example array, or
    a pytree of these. Raises `PlacementError` for anything else.
    """
    return _placed(spec, CLIENTS)


def at_server(spec: PyTree) -> FederatedType:
    """The type of a value that the server holds, `spec@SERVER`; `spec` as for `at_clients`."""
    return _placed(spec, SERVER)


def _placed(spec: PyTree, placement: Placement) -> FederatedType:
    leaves, structure = jax.tree.flatten(spec)
    return FederatedType(placement, structure, tuple(_tensor_type(leaf) for leaf in leaves))


def _tensor_type(leaf: Any) -> TensorType:
    if isinstance(leaf, TensorType):
        return leaf
    try:
        # NumPy's scalar types have `shape` and `dtype` too: as descriptors, not as a tuple.
        if isinstance(getattr(leaf, "shape", None), tuple):
            return tensor(leaf.dtype, *leaf.shape)
        return tensor(np.dtype(leaf))
    except TypeError:
        raise PlacementError(
            f"{leaf!r} is no type: give ff.tensor(dtype, *shape), a dtype, a "
            "jax.ShapeDtypeStruct, an array, or a pytree of these"
        ) from None


def text(tree: PyTree) -> str:
    """Returns a pytree's text, `<a=...,b=...>` or `<...,...>`, its leaves as `str` has them."""
    children, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf=lambda node: node is not tree)
    if len(children) == 1 and not children[0][0]:
        return str(tree)
    return f"<{','.join(_name(path[0]) + text(child) for path, child in children)}>"


def _name(key: Any) -> str:
    name = getattr(key, "name", getattr(key, "key", None))
    return "" if name is None else f"{name}="


def listed(types: tuple[Any, ...]) -> str:
    """Returns types as a signature lists them: in parentheses, unless there is exactly one."""
    return text(types[0]) if len(types) == 1 else f"({', '.join(text(each) for each in types)})"


def mismatch(where: str, reason: str, expected: Any, given: str) -> PlacementError:
    """Returns the error of every refusal: where, why, and the two signatures below each other."""
    return PlacementError(f"{where}: {reason}\n  expected {expected}\n  given    {given}")
