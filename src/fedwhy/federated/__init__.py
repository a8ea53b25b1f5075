"""The language of federated computations: typed placements and the verbs between them.

import fedwhy.federated as ff

@ff.federated_computation(ff.at_clients(jnp.float32), ff.at_clients(jnp.int32))
def average(temperatures, readings):
    return ff.mean(temperatures, weight=readings)

print(average.type_signature)    # ({float32[]}@CLIENTS, {int32[]}@CLIENTS) -> float32[]@SERVER
"""

from fedwhy.federated.computation import Computation, federated_computation
from fedwhy.federated.intrinsics import broadcast, collect, map, max, mean, min, sum, value, zip
from fedwhy.federated.placed import Placed
from fedwhy.federated.types import (
    CLIENTS,
    SERVER,
    FederatedType,
    FunctionType,
    Placement,
    TensorType,
    at_clients,
    at_server,
    tensor,
)

__all__ = [
    "CLIENTS",
    "SERVER",
    "Computation",
    "FederatedType",
    "FunctionType",
    "Placed",
    "Placement",
    "TensorType",
    "at_clients",
    "at_server",
    "broadcast",
    "collect",
    "federated_computation",
    "map",
    "max",
    "mean",
    "min",
    "sum",
    "tensor",
    "value",
    "zip",
]
