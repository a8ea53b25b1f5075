"""`Placed`: a value inside a federated computation, which knows where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import jax
import jax.numpy as jnp

from fedwhy.errors import PlacementError
from fedwhy.federated.mesh import over_clients
from fedwhy.federated.types import (
    CLIENTS,
    FederatedType,
    Placement,
    PyTree,
    TensorType,
    listed,
    tensor,
)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Placed:
    """A pytree of arrays at a placement; made by computations and intrinsics, not by users.

    A leaf at the server has its own shape. A leaf at the clients is `[clients, ...]`; or, where
    its flag in `shared` is set, it has its own shape and is the same for every client, so that a
    broadcast copies nothing. `shared` has one flag a leaf, all False at the server. `clients` is
    the number of clients of the computation, 0 where none of its arguments is at the clients.

    Arithmetic on it raises `PlacementError`; `value["key"]`, `value[0]` and unpacking select from
    a structure.
    """

    member: PyTree
    placement: Placement = field(metadata={"static": True})
    shared: tuple[bool, ...] = field(metadata={"static": True})
    clients: int = field(metadata={"static": True})

    @property
    def type_signature(self) -> FederatedType:
        """Its type, without the axis of clients."""
        leaves, structure = jax.tree.flatten(self.member)
        own_axis = [self.placement is CLIENTS and not shared for shared in self.shared]
        types = (
            tensor(leaf.dtype, *leaf.shape[axis:])
            for leaf, axis in zip(leaves, own_axis, strict=True)
        )
        return FederatedType(self.placement, structure, tuple(types))

    @property
    def axes(self) -> PyTree:
        """`in_axes` of `jax.vmap` for `member`: None where a leaf is the same for every client."""
        axes = [None if shared else 0 for shared in self.shared]
        return jax.tree.unflatten(jax.tree.structure(self.member), axes)

    def __getitem__(self, key: Any) -> Placed:
        if not isinstance(self.member, dict | tuple | list):
            self._refuse()
        flags = jax.tree.unflatten(jax.tree.structure(self.member), self.shared)
        return replace(self, member=self.member[key], shared=tuple(jax.tree.leaves(flags[key])))

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise PlacementError(
            f"{self.type_signature} is not an array: compute with ff.map(lambda x: ..., value), "
            "which runs where the value is"
        )

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _refuse
    __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = _refuse
    __rpow__ = __matmul__ = __rmatmul__ = __and__ = __rand__ = __or__ = __ror__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __neg__ = __abs__ = _refuse
    __invert__ = __bool__ = __float__ = __int__ = __array__ = __jax_array__ = _refuse
    __hash__ = object.__hash__


def is_placed(value: Any) -> bool:
    """Whether `value` is a `Placed`; the `is_leaf` of trees that hold them."""
    return isinstance(value, Placed)


def holds_placed(tree: PyTree) -> bool:
    """Whether `tree` is a `Placed` or has one in it."""
    return any(map(is_placed, jax.tree.leaves(tree, is_leaf=is_placed)))


def describe(*values: PyTree) -> str:
    """Returns the given values' types as a signature lists them, for an error message."""
    return listed(tuple(jax.tree.map(_leaf_text, value, is_leaf=is_placed) for value in values))


def _leaf_text(leaf: Any) -> str:
    if isinstance(leaf, Placed):
        return str(leaf.type_signature)
    if isinstance(leaf, FederatedType):
        return str(leaf)
    try:
        return f"{array_type(leaf)} (no placement)"
    except TypeError:
        return f"{type(leaf).__name__} (no array)"


def array_type(leaf: Any) -> TensorType:
    """Returns the type that JAX gives to an array, a NumPy array or a Python number.

    Raises TypeError for anything else.
    """
    aval = jax.typeof(leaf)
    return tensor(aval.dtype, *aval.shape)


# The number of clients, for values that are made from no other; None outside of computations.
_clients: ContextVar[int | None] = ContextVar("clients", default=None)


@contextmanager
def inside(clients: int) -> Iterator[None]:
    """Within it, values belong to a computation over this number of clients (0: not known)."""
    token = _clients.set(clients)
    try:
        yield
    finally:
        _clients.reset(token)


def is_inside() -> bool:
    """Whether a computation is being traced."""
    return _clients.get() is not None


def place(member: PyTree, placement: Placement, shared: bool = False) -> Placed:
    """Returns `member` at a placement, with the same `shared` for all its leaves."""
    flags = (shared,) * len(jax.tree.leaves(member))
    return Placed(member, placement, flags, _clients.get() or 0)


def per_client(value: Placed) -> PyTree:
    """Returns the member of a value at CLIENTS with every leaf `[clients, ...]`.

    Raises `PlacementError` if a leaf is shared and the number of clients is not known.
    """
    if any(value.shared) and not value.clients:
        raise PlacementError(
            "how many clients there are is not known: no argument of the computation is at CLIENTS"
        )

    leaves, structure = jax.tree.flatten(value.member)
    spread = [
        over_clients(jnp.broadcast_to(leaf, (value.clients, *leaf.shape))) if shared else leaf
        for leaf, shared in zip(leaves, value.shared, strict=True)
    ]
    return jax.tree.unflatten(structure, spread)
