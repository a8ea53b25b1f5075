"""How a run is changed: its examples, the layers of its model, what its clients send."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fedwhy as fw
from fedwhy.algorithms import remedy as remedies
from fedwhy.diagnosis import Setup
from fedwhy.federated import trees

import keras  # isort: skip  # after fedwhy, which has it run on JAX

Layers = list[Any]


def random(setup: Setup) -> np.random.Generator:
    """Random numbers that follow from the run's seed."""
    return np.random.default_rng(1000 + setup.seed)


def some_clients(setup: Setup, count: float) -> np.ndarray:
    """Positions of so many clients, rising, int64."""
    chosen = random(setup).permutation(setup.clients.clients)[: int(count)]
    return np.sort(chosen)


def tested(setup: Setup) -> fw.Dataset:
    """The run's test set; all that faults of it are planted in have one."""
    if setup.test is None:
        raise ValueError("the run has no test set")
    return setup.test


def classes_of(setup: Setup) -> int:
    """How many classes the clients' labels have."""
    return setup.clients.classes or int(setup.clients.y.max()) + 1


def owned_by(clients: fw.FederatedDataset, positions: np.ndarray) -> np.ndarray:
    """Which examples belong to these clients, bool `[examples]`."""
    return np.isin(clients.owner, positions)


def regrouped(clients: fw.FederatedDataset, rows: np.ndarray, owner: np.ndarray):
    """The examples `rows`, of which number i belongs to the client at position `owner[i]`."""
    return fw.FederatedDataset.from_arrays(
        clients.x[rows],
        clients.y[rows],
        clients.ids[owner],
        classes=clients.classes,
        name=clients.name,
        task=clients.task,
    )


def with_clients(setup: Setup, clients: fw.FederatedDataset) -> Setup:
    """The run with these clients, and no larger cohorts than there are."""
    return setup.changed(clients=clients, cohort=min(setup.cohort, clients.clients))


def with_inputs(setup: Setup, change: Callable[[np.ndarray], Any], test: bool = True) -> Setup:
    """The run with changed inputs, `change(x) -> x` of all examples at once."""
    changed = {"clients": replace(setup.clients, x=changed_x(change, setup.clients.x))}
    for name in ("test", "test_clients"):
        data = getattr(setup, name)
        if test and data is not None:
            changed[name] = replace(data, x=changed_x(change, data.x))
    return setup.changed(**changed)


def changed_x(change: Callable[[np.ndarray], Any], x: Any) -> np.ndarray:
    """`change(x)` in the dtype of x."""
    return np.asarray(change(x), x.dtype)


def with_labels(setup: Setup, change: Callable[[np.ndarray], Any], **fields: Any) -> Setup:
    """The run with changed labels in all of its data, and other `fields` of them."""
    changed = {
        name: replace(data, y=np.asarray(change(data.y)), **fields)
        for name in ("clients", "test", "test_clients")
        if (data := getattr(setup, name)) is not None
    }
    return setup.changed(**changed)


def with_layers(setup: Setup, edit: Callable[[Layers], Layers], from_logits: bool = True) -> Setup:
    """The run with other layers, `edit(layers) -> layers` of copies of a sequential Keras model."""
    front = getattr(setup.model.init, "__self__")  # noqa: B009  # Where the library keeps it.

    def build(shape: Any) -> Any:
        layers = [copied(layer) for layer in front.builder(shape).layers]
        return keras.Sequential(edit(layers))

    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=from_logits, ignore_class=setup.model.ignored_class
    )
    from fedwhy.models.keras_model import keras_model

    return setup.changed(model=keras_model(build, loss, ()))


def copied(layer: Any, **changes: Any) -> Any:
    """A new Keras layer like this one, with `changes` of its configuration."""
    return type(layer).from_config({**layer.get_config(), **changes})


def hidden(layers: Layers) -> list[int]:
    """Places of the layers that have kernels, but for the last one."""
    return [
        place for place, layer in enumerate(layers[:-1]) if hasattr(layer, "kernel_initializer")
    ]


def with_hidden(layers: Layers, **changes: Any) -> Layers:
    """The layers, in which those before the last that have kernels have other configurations."""
    return [
        copied(layer, **changes) if place in hidden(layers) else layer
        for place, layer in enumerate(layers)
    ]


def with_last(layers: Layers, **changes: Any) -> Layers:
    """The layers, the last one with another configuration."""
    return [*layers[:-1], copied(layers[-1], **changes)]


def behind_hidden(layers: Layers, make: Callable[[], Any]) -> Layers:
    """The layers, with a new one behind each that has a kernel, but the last one."""
    at = hidden(layers)
    return [
        found
        for place, layer in enumerate(layers)
        for found in ((layer, make()) if place in at else (layer,))
    ]


def sending(setup: Setup, positions: Sequence[int] | np.ndarray, change: Callable[[Any], Any]):
    """The run whose clients at these positions send `change(update)` in place of their update."""
    at = jnp.asarray(positions, jnp.int32)

    def send(update: Any, local: Any) -> Any:
        theirs = jnp.isin(local.client.position, at)
        return jax.tree.map(lambda a, b: jnp.where(theirs, a, b), change(update), update)

    return setup.with_local(remedy=remedies.Remedy("none", send=send))


def times(factor: float) -> Callable[[Any], Any]:
    """A function that multiplies an update."""
    return lambda update: trees.scale(update, factor)


def scaled_steps(setup: Setup, factor: float) -> Setup:
    """The run with another learning rate at its clients, whatever the optimizer."""
    import optax

    return setup.with_local(optimizer=optax.chain(setup.local.optimizer, optax.scale(factor)))
