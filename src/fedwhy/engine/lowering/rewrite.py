"""Evaluating a traced function with other operations in the place of some of its own."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from fedwhy.engine.lowering import recurrence

PyTree = Any

# By the name of a primitive: `(inputs, parameters) -> output`, or None to leave it as it is.
Rules = Mapping[str, Callable[..., jax.Array | None]]

# Operations around a function that are given the rewritten function.
REMATERIALISED = ("checkpoint", "remat2")
CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_lin")


def rewritten(function: Callable[..., PyTree], rules: Rules) -> Callable[..., PyTree]:
    """`function` with every operation that `rules` name computed as they say.

    The result can be differentiated, mapped and compiled as any function. Operations are found
    inside jitted, rematerialised and scanned functions and conditionals; those inside functions
    with derivative rules of their own, and inside `while`, stay as they are.
    """

    def run(*arguments: PyTree) -> PyTree:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        if not contains(closed.jaxpr, rules):
            return function(*arguments)
        outputs = evaluate(closed, rules, *jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shape), outputs)

    return run


def evaluate(closed: ClosedJaxpr, rules: Rules, *inputs: Any) -> list[Any]:
    """The outputs of a traced function, operation by operation."""
    jaxpr = closed.jaxpr
    values = dict(zip(jaxpr.constvars, closed.consts, strict=True))
    values |= zip(jaxpr.invars, inputs, strict=True)

    def value(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        outputs = apply(equation, rules, [value(atom) for atom in equation.invars])
        values |= zip(equation.outvars, outputs, strict=True)
    return [value(atom) for atom in jaxpr.outvars]


def apply(equation: Any, rules: Rules, inputs: list[Any]) -> list[Any]:
    """The outputs of one operation."""
    name, parameters = equation.primitive.name, equation.params
    if name in rules:
        output = rules[name](*inputs, **parameters)
        if output is not None:
            return [output]
    elif name == "scan" or any(contains(inner, rules) for inner in inner_functions(parameters)):
        if name in CALLS:
            return evaluate(parameters["jaxpr"], rules, *inputs)
        if name in REMATERIALISED:
            inner = ClosedJaxpr(parameters["jaxpr"], ())
            remat = jax.checkpoint(
                lambda *a: evaluate(inner, rules, *a),
                prevent_cse=parameters["prevent_cse"],
                policy=parameters["policy"],
            )
            return remat(*inputs)
        if name == "cond":
            which, *rest = inputs
            branches = [
                lambda *a, inner=inner: evaluate(inner, rules, *a)
                for inner in parameters["branches"]
            ]
            return jax.lax.switch(which, branches, *rest)
        if name == "scan":
            body = parameters["jaxpr"]
            return recurrence.scan(
                parameters, lambda more, *a: evaluate(body, {**rules, **more}, *a), inputs
            )
    functions, parameters = (), equation.primitive.get_bind_params(parameters)
    if isinstance(parameters, tuple):  # As JAX before 0.10 has it.
        functions, parameters = parameters
    outputs = equation.primitive.bind(*functions, *inputs, **parameters)
    return outputs if equation.primitive.multiple_results else [outputs]


def contains(jaxpr: Jaxpr, rules: Rules) -> bool:
    """Whether a traced function holds an operation of `rules`, or a scan, however deep."""
    return not operations(jaxpr).isdisjoint({*rules, "scan"})


def operations(jaxpr: Jaxpr) -> set[str]:
    """The names of a traced function's operations, however deep."""
    names = {equation.primitive.name for equation in jaxpr.eqns}
    inner = (f for equation in jaxpr.eqns for f in inner_functions(equation.params))
    return names.union(*map(operations, inner))


def inner_functions(parameters: Mapping[str, Any]) -> Iterator[Jaxpr]:
    """The traced functions among an operation's parameters."""
    for value in jax.tree.leaves(
        list(parameters.values()), is_leaf=lambda v: isinstance(v, Jaxpr | ClosedJaxpr)
    ):
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
