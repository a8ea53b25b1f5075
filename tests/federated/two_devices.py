"""A round over two host devices, printing what became of it as JSON; run by `test_mesh.py`."""

import json
import os
import re

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

import fedwhy.federated as ff


@ff.federated_computation(
    ff.at_clients(ff.tensor(jnp.float32, 3)), ff.at_clients(jnp.float32), ff.at_server(jnp.float32)
)
def round_of(x, weight, start):
    def train(x, start):
        return jax.lax.fori_loop(0, 3, lambda _, w: w - 0.1 * (w - x), start + jnp.zeros(3))

    local = ff.map(train, x, ff.broadcast(start))
    return local, ff.mean(local, weight), ff.sum(ff.broadcast(start)), ff.max(local)


def facts(arguments, how):
    program = jax.jit(round_of).lower(*arguments).compile().as_text() or ""
    local, *at_server = how(*arguments)
    return {
        "split": {s.data.shape[0] for s in local.addressable_shards} == {2}
        and len(local.sharding.device_set) == 2,
        "replicated": all(each.sharding.is_fully_replicated for each in at_server),
        "all_reduces": len(re.findall(r" all-reduce(?:-start)?\(", program)),
        "result": jax.tree.map(np.ndarray.tolist, jax.device_get((local, *at_server))),
    }


x = np.arange(12, dtype=np.float32).reshape(4, 3)
weight = np.arange(4, dtype=np.float32)
one_device = jax.tree.map(np.ndarray.tolist, jax.device_get(round_of(x, weight, 2.0)))
cases = {}
for kind in (AxisType.Auto, AxisType.Explicit):
    mesh = jax.make_mesh((2,), ("clients",), axis_types=(kind,))
    sharding = NamedSharding(mesh, PartitionSpec("clients"))
    sharded = (jax.device_put(x, sharding), jax.device_put(weight, sharding), jnp.float32(2))
    with jax.set_mesh(mesh):
        cases[f"{kind.name}, mesh in use"] = facts((x, weight, np.float32(2)), round_of)
        cases[f"{kind.name}, both, jit"] = facts(sharded, jax.jit(round_of))
    if kind is AxisType.Auto:
        cases["sharded arguments"] = facts(sharded, round_of)
        cases["sharded arguments, jit"] = facts(sharded, jax.jit(round_of))
print(json.dumps({"one_device": one_device, "cases": cases}))
