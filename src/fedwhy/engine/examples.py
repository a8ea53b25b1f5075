"""Where the examples lie while rounds run: on the devices, or on the host until a round."""

from typing import Any, Protocol

import jax
import numpy as np
from jax.sharding import Mesh

from fedwhy.data import FederatedDataset
from fedwhy.engine.devices import everywhere, memory_of, place, share
from fedwhy.engine.plan import Plan, power_of_two

PyTree = Any

# How much of a device's memory the examples may take.
SHARE = 0.5


class Examples(Protocol):
    """The flat arrays (x, y) of a dataset, as the rounds read them.

    `arrays` are all of them, if they lie on the devices.
    """

    arrays: PyTree | None

    def gather(self, plan: Plan) -> tuple[Plan, PyTree]:
        """The arrays on the devices that a plan reads, and the plan with its rows in them."""
        ...


def examples(data: FederatedDataset, mesh: Mesh) -> Examples:
    """The examples of `data`, on the devices of `mesh` if they fit.

    A CPU reads NumPy arrays where they are, memory-mapped ones too.
    """
    size = sum(leaf.nbytes for leaf in jax.tree.leaves((data.x, data.y)))
    cpu = mesh.devices.flat[0].platform == "cpu"
    return OnDevice(data, mesh) if cpu or size <= SHARE * memory_of(mesh) else OnHost(data, mesh)


class OnDevice:
    """All examples on every device."""

    def __init__(self, data: FederatedDataset, mesh: Mesh):
        self.arrays = share((data.x, data.y), mesh)

    def gather(self, plan: Plan) -> tuple[Plan, PyTree]:
        """The plan as it is."""
        return plan, self.arrays


class OnHost:
    """Examples in NumPy arrays, perhaps memory-mapped; a round's are sent to the devices."""

    def __init__(self, data: FederatedDataset, mesh: Mesh):
        self.data, self.mesh, self.room = (data.x, data.y), mesh, 1
        self.arrays = None

    def gather(self, plan: Plan) -> tuple[Plan, PyTree]:
        """The round's examples, with room rounded up so that few shapes are ever compiled."""
        used, rows = np.unique(plan.rows, return_inverse=True)
        self.room = max(self.room, power_of_two(len(used)))

        def leaf(array: np.ndarray) -> np.ndarray:
            taken = np.zeros(
                (self.room, *array.shape[1:]), jax.dtypes.canonicalize_dtype(array.dtype)
            )
            taken[: len(used)] = array[used]
            return taken

        arrays = place(jax.tree.map(leaf, self.data), everywhere(self.mesh))
        return plan._replace(rows=rows.reshape(plan.rows.shape).astype(np.int32)), arrays
