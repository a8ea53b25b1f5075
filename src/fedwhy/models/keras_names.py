"""Names for Keras weights that are the same in every build and every process.

Keras numbers what the user has not named by a counter of the process: the kernel of a model's
first dense layer may be `sequential_4/dense_7/kernel`. Here such components are numbered by
their first appearance in the model instead: `sequential/dense/kernel`.
"""

import itertools
import re
from collections.abc import Iterable
from typing import Any

# A variable that its layer has not named is called after its class.
UNNAMED_VARIABLE = ("variable", "jax_variable")


def snake_case(name: str) -> str:
    """`name` of a class as Keras writes it in automatic names (`BatchNormalization`, `LSTM`)."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def stem(component: Any) -> str | None:
    """The name that Keras numbers for `component`, a layer or metric, or None: the user's name."""
    automatic = snake_case(type(component).__name__)
    found = re.fullmatch(rf"((?:forward_|backward_)?{automatic})(?:_\d+)?", component.name)
    return found[1] if found else None


def canonical_names(paths: Iterable[str], layers: Iterable[Any]) -> list[str]:
    """Returns a unique, canonical name for each of `paths`, the weights of `layers`, in order."""
    stems = {layer.name: stem(layer) for layer in layers}
    names: dict[tuple[str, ...], str] = {(): ""}
    taken: set[str] = set()
    result = []
    for path in paths:
        parts = tuple(path.split("/"))
        for depth in range(1, len(parts) + 1):
            leaf = depth == len(parts)
            if leaf or parts[:depth] not in names:
                parent = names[parts[: depth - 1]]
                own = _own_name(parts[depth - 1], stems, leaf)
                names[parts[:depth]] = _unique(f"{parent}/{own}" if parent else own, taken)
        result.append(names[parts])
    return result


def unique_names(components: Iterable[Any]) -> list[str]:
    """Returns a unique, canonical name for each of `components`, such as metrics, in order."""
    taken: set[str] = set()
    return [_unique(stem(component) or component.name, taken) for component in components]


def _own_name(part: str, stems: dict[str, str | None], leaf: bool) -> str:
    if leaf:
        found = re.fullmatch(rf"({'|'.join(UNNAMED_VARIABLE)})(?:_\d+)?", part)
        return found[1] if found else part
    return stems.get(part) or part


def _unique(name: str, taken: set[str]) -> str:
    """`name`, `name_1`, `name_2`, ... whichever is first not in `taken`, which it joins."""
    numbered = (f"{name}_{number}" for number in itertools.count(1))
    chosen = next(n for n in itertools.chain([name], numbered) if n not in taken)
    taken.add(chosen)
    return chosen
