"""Clients over devices: the placement axis follows the mesh axis named `clients`.

Run a computation within `jax.set_mesh(mesh)`, or give it client arrays that are sharded already
(over a mesh of `Auto` axes: for `Explicit` ones JAX's own loops want `jax.set_mesh` too).
"""

from __future__ import annotations

import jax
from jax.sharding import PartitionSpec

AXIS = "clients"


def over_clients(leaf: jax.Array) -> jax.Array:
    """Returns `leaf` `[clients, ...]` with its first axis split over the mesh axis `clients`.

    Does nothing where the mesh in use has no such axis, or where it does not divide the number of
    clients. The other axes keep the sharding they have.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if AXIS not in mesh.axis_names or leaf.shape[0] % mesh.shape[AXIS]:
        return leaf
    if AXIS in mesh.auto_axes:
        free = [PartitionSpec.UNCONSTRAINED] * (leaf.ndim - 1)
        return jax.lax.with_sharding_constraint(leaf, PartitionSpec(AXIS, *free))
    if AXIS in mesh.explicit_axes:
        return jax.sharding.reshard(leaf, PartitionSpec(AXIS, *jax.typeof(leaf).sharding.spec[1:]))
    return leaf
