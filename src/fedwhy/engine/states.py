"""Client states: what every client of the population keeps between rounds, and where it lies."""

from __future__ import annotations

import tempfile
from functools import cached_property
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from fedwhy.engine.devices import (
    aligned_room,
    by_lane,
    everywhere,
    lend,
    machine_memory,
    memory_of,
    place,
)
from fedwhy.federated import trees

PyTree = Any

# How much of the memory of a device, or of the machine, client states may take.
SHARE = 0.25


class ClientStates(Protocol):
    """The states of a population; `scatter` changes them in place.

    `positions` are int32 `[lanes, slots]`, with the population's size (or more) in free slots.
    """

    def gather(self, positions: np.ndarray) -> PyTree:
        """The states at `positions`, `[lanes, slots, ...]`; anything in free slots."""
        ...

    def scatter(self, positions: np.ndarray, rows: PyTree) -> None:
        """Puts `rows` `[lanes, slots, ...]` at `positions`; free slots are left out."""
        ...

    def all(self) -> PyTree:
        """The states of all clients, `[clients, ...]`."""
        ...

    def restore(self, states: PyTree) -> None:
        """Takes `states` `[clients, ...]` for its own."""
        ...


def client_states(one: PyTree, clients: int, mesh: Mesh) -> ClientStates:
    """The states of `clients` clients that all begin with the state `one`.

    They lie on every device where they fit easily (or where several processes share the run), else
    in the machine's memory, else in a file that takes no room for clients that have not worked yet.
    Several devices of a CPU are one memory, so what they keep lies in it once.
    """
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(one)) * clients
    apart = mesh.size == 1 or mesh.devices.flat[0].platform != "cpu"
    if jax.process_count() > 1 or (apart and size <= SHARE * memory_of(mesh)):
        return Deferred(DeviceStates(one, clients, mesh))
    return Deferred(HostStates(one, clients, mesh, in_file=size > SHARE * machine_memory()))


class Deferred:
    """States whose last rows are put back only when others are asked for, or all.

    Where the same clients work again in their same places, as in rounds of all clients, these rows
    are what they begin with, and nothing is copied.
    """

    def __init__(self, states: ClientStates):
        self.states = states
        self._last: tuple[np.ndarray, PyTree] | None = None

    def gather(self, positions: np.ndarray) -> PyTree:
        """The states at `positions`."""
        if self._last is not None and np.array_equal(self._last[0], positions):
            return self._last[1]
        self._put_back()
        return self.states.gather(positions)

    def scatter(self, positions: np.ndarray, rows: PyTree) -> None:
        """Takes `rows` for those at `positions`."""
        if self._last is not None and not np.array_equal(self._last[0], positions):
            self._put_back()
        self._last = positions, rows

    def all(self) -> PyTree:
        """The states of all clients."""
        self._put_back()
        return self.states.all()

    def restore(self, states: PyTree) -> None:
        """Takes `states` for its own."""
        self._last = None
        self.states.restore(states)

    def _put_back(self) -> None:
        if self._last is not None:
            self.states.scatter(*self._last)
            self._last = None


class DeviceStates:
    """States on every device of the mesh."""

    def __init__(self, one: PyTree, clients: int, mesh: Mesh):
        self.mesh, self.clients = mesh, clients
        self.states = place(jax.tree.map(lambda a: repeat(a, clients), one), everywhere(mesh))

    def gather(self, positions: np.ndarray) -> PyTree:
        """The states at `positions`."""
        return self._gather(self.states, positions)

    def scatter(self, positions: np.ndarray, rows: PyTree) -> None:
        """Puts `rows` at `positions`."""
        self.states = self._scatter(self.states, positions, rows)

    def all(self) -> PyTree:
        """The states of all clients."""
        return self.states

    def restore(self, states: PyTree) -> None:
        """Takes `states` for its own."""
        self.states = place(states, everywhere(self.mesh))

    @cached_property
    def _gather(self):
        def gather(states, positions):
            return jax.tree.map(lambda a: a.at[positions].get(mode="clip"), states)

        return jax.jit(gather, out_shardings=by_lane(self.mesh))

    @cached_property
    def _scatter(self):
        return jax.jit(trees.set_row, donate_argnums=0, out_shardings=everywhere(self.mesh))


class HostStates:
    """States in the machine's memory, or in a temporary file.

    A client's row is written when it has first worked; until then it is the state `one`.
    """

    def __init__(self, one: PyTree, clients: int, mesh: Mesh, *, in_file: bool):
        self.mesh, self.clients = mesh, clients
        self.one = jax.tree.map(np.asarray, one)
        self.worked = np.zeros(clients, bool)
        self._folder = tempfile.TemporaryDirectory(prefix="fedwhy-states-") if in_file else None
        leaves, structure = jax.tree.flatten(self.one)
        rows = [self._room(number, leaf) for number, leaf in enumerate(leaves)]
        self.rows = jax.tree.unflatten(structure, rows)

    def _room(self, number: int, leaf: np.ndarray) -> np.ndarray:
        shape = (self.clients, *leaf.shape)
        if self._folder is None:
            return np.zeros(shape, leaf.dtype)
        path = f"{self._folder.name}/{number}"
        return np.memmap(path, leaf.dtype, "w+", shape=shape)

    def gather(self, positions: np.ndarray) -> PyTree:
        """The states at `positions`."""
        at = np.minimum(positions, self.clients - 1)
        idle = ~self.worked[at]

        def leaf(rows: np.ndarray, one: np.ndarray) -> np.ndarray:
            taken = aligned_room((*at.shape, *one.shape), one.dtype)
            np.take(rows, at, axis=0, out=taken, mode="clip")  # Other modes copy it once more.
            taken[idle] = one
            return taken

        return lend(jax.tree.map(leaf, self.rows, self.one), self.mesh)

    def scatter(self, positions: np.ndarray, rows: PyTree) -> None:
        """Puts `rows` at `positions`."""
        self.worked[positions[positions < self.clients]] = True

        def leaf(ours: np.ndarray, new: jax.Array) -> None:
            for shard in new.addressable_shards:
                at, their = positions[shard.index[:2]], np.asarray(shard.data)
                taken = at < self.clients
                if taken.all():  # Choosing among them would copy them once more.
                    ours[at] = their
                else:
                    ours[at[taken]] = their[taken]

        jax.tree.map(leaf, self.rows, rows)

    def all(self) -> PyTree:
        """The states of all clients; those that have not worked are filled in first."""
        idle = np.flatnonzero(~self.worked)

        def leaf(rows: np.ndarray, one: np.ndarray) -> np.ndarray:
            rows[idle] = one
            return rows

        return jax.tree.map(leaf, self.rows, self.one)

    def restore(self, states: PyTree) -> None:
        """Takes `states` for its own."""
        self.worked[:] = True

        def leaf(ours: np.ndarray, saved: Any) -> None:
            ours[...] = saved

        jax.tree.map(leaf, self.rows, states)


def repeat(leaf: jax.Array, times: int) -> np.ndarray:
    """`times` copies of `leaf` along a new first axis, without memory of their own."""
    return np.broadcast_to(np.asarray(leaf), (times, *jnp.shape(leaf)))
