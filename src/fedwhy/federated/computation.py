"""`federated_computation`: a typed function of placed values, compiled as one program."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax

from fedwhy.errors import PlacementError
from fedwhy.federated.arguments import placed_arguments
from fedwhy.federated.mesh import over_clients
from fedwhy.federated.placed import (
    Placed,
    describe,
    holds_placed,
    inside,
    is_inside,
    is_placed,
    per_client,
    place,
)
from fedwhy.federated.types import (
    CLIENTS,
    FederatedType,
    FunctionType,
    PyTree,
    TensorType,
    listed,
    mismatch,
)

# A signature is inferred for two numbers of clients, to see which sizes follow from that number:
# both have many divisors, so that code which splits the clients into equal groups passes.
_COUNTS = (240, 480)


def federated_computation(
    *argument_types: FederatedType,
) -> Callable[[Callable[..., PyTree]], Computation]:
    """Decorates a function of placed values, one argument for each type.

        @ff.federated_computation(ff.at_clients(jnp.float32), ff.at_server(jnp.float32))
        def share_over(temperatures, limit):
            over = ff.map(lambda t, l: jnp.float32(t > l), temperatures, ff.broadcast(limit))
            return ff.mean(over)

        share_over.type_signature    # ({float32[]}@CLIENTS, float32[]@SERVER) -> float32[]@SERVER
        share_over(jnp.array([68.0, 70.5, 71.0]), 70.0)    # 0.6667

    The function returns a placed value or a pytree of them. It is traced at once, without data, so
    that a wrong placement raises `PlacementError` where it is written.
    """
    for each in argument_types:
        if not isinstance(each, FederatedType):
            raise PlacementError(
                "federated_computation takes the types of the arguments, ff.at_clients(...) and "
                f"ff.at_server(...); given {each!r}"
            )
    return lambda fn: Computation(fn, argument_types)


class Computation:
    """What `federated_computation` makes of a function.

    Called with arrays (or pytrees of them), those at the clients `[clients, ...]`, it returns
    arrays in the same way. The number of clients is any but zero, and the same in all arguments;
    the program is compiled once for each. `jax.jit`, `jax.grad` and `jax.vmap` go through it.
    Called with placed values, inside another computation, it returns placed values.

    Raises `PlacementError` with both signatures when structure, shape or dtype of an argument
    differs from its type. A Python number takes the dtype of its type.
    """

    type_signature: FunctionType

    def __init__(self, fn: Callable[..., PyTree], parameters: tuple[FederatedType, ...]):
        functools.update_wrapper(self, fn)
        self._fn = fn
        self._name = getattr(fn, "__name__", "computation")
        self._parameters = parameters
        self._bind(*parameters)
        self.type_signature = FunctionType(parameters, self._infer())
        self._compiled = jax.jit(self._run, static_argnums=0)

    def __repr__(self) -> str:
        return f"<{self._name}: {self.type_signature}>"

    def __call__(self, *args: PyTree, **kwargs: PyTree) -> PyTree:
        """Runs the computation on arrays, or joins the one being traced, on its placed values."""
        arguments = self._bind(*args, **kwargs)
        if holds_placed(arguments) or (not arguments and is_inside()):
            return self._nested(*arguments.values())
        clients, values = placed_arguments(self._name, self.type_signature, arguments)
        return self._compiled(clients, values)

    def _bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Returns the arguments by name, in order; raises `PlacementError` for a wrong number."""
        signature = inspect.signature(self._fn)
        try:
            bound = signature.bind(*args, **kwargs)
            if bound.kwargs or len(bound.args) != len(self._parameters):
                raise TypeError(f"there are {len(self._parameters)} types of arguments")
        except TypeError as error:
            given = describe(*args, *kwargs.values())
            raise mismatch(f"{self._name}{signature}", str(error), self._expected, given) from None
        names = list(signature.parameters)
        names += [f"{names[-1]}[{i}]" for i in range(len(names), len(bound.args))]
        return dict(zip(names, bound.args, strict=False))

    @property
    def _expected(self) -> str:
        return f"{listed(self._parameters)} -> placed values"

    def _nested(self, *values: Any) -> PyTree:
        types = tuple(value.type_signature if is_placed(value) else None for value in values)
        if types != self._parameters:
            reason = "the arguments do not fit"
            raise mismatch(self._name, reason, self.type_signature, describe(*values))
        return self._trace(*values)

    def _run(self, clients: int, values: tuple[Placed, ...]) -> PyTree:
        return jax.tree.map(_arrays, self._start(clients, values), is_leaf=is_placed)

    def _start(self, clients: int, values: tuple[Placed, ...]) -> PyTree:
        with inside(clients):
            return self._trace(*map(_enter, values))

    def _trace(self, *values: Placed) -> PyTree:
        result = self._fn(*values)
        leaves = jax.tree.leaves(result, is_leaf=is_placed)
        if not leaves or not all(map(is_placed, leaves)):
            reason = "a returned value has no placement; ff.value(..., ff.SERVER) gives it one"
            given = f"{listed(self._parameters)} -> {describe(result)}"
            raise mismatch(self._name, reason, self._expected, given)
        return result

    def _infer(self) -> PyTree:
        """Returns the type of the result: a `FederatedType`, or a pytree of them."""
        results = []
        for clients in _COUNTS:
            values = tuple(_abstract(parameter, clients) for parameter in self._parameters)
            result = jax.eval_shape(functools.partial(self._start, clients), values)
            types = jax.tree.map(lambda each: each.type_signature, result, is_leaf=is_placed)
            results.append(types)
        return jax.tree.map(_unite, *results)


def _enter(value: Placed) -> Placed:
    if value.placement is CLIENTS:
        return place(jax.tree.map(over_clients, value.member), CLIENTS)
    return place(value.member, value.placement)


def _arrays(value: Placed) -> PyTree:
    return per_client(value) if value.placement is CLIENTS else value.member


def _abstract(parameter: FederatedType, clients: int) -> Placed:
    axis = (clients,) if parameter.placement is CLIENTS else ()
    leaves = [jax.ShapeDtypeStruct(axis + leaf.shape, leaf.dtype) for leaf in parameter.leaves]
    return place(jax.tree.unflatten(parameter.structure, leaves), parameter.placement)


def _unite(few: FederatedType, many: FederatedType) -> FederatedType:
    """Returns the type for any number of clients, given those for the two in `_COUNTS`."""

    def size(*sizes: int | str) -> int | str:
        if sizes[0] == sizes[1]:
            return sizes[0]
        return "clients" if sizes == _COUNTS else "?"

    leaves = tuple(
        TensorType(a.dtype, tuple(map(size, a.shape, b.shape)))
        for a, b in zip(few.leaves, many.leaves, strict=True)
    )
    return replace(few, leaves=leaves)
