"""How types and signatures read."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fedwhy.federated as ff
from fedwhy.errors import PlacementError


class Linear(NamedTuple):
    weights: object
    bias: object


@pytest.mark.parametrize(
    ("spec", "written"),
    [
        (ff.tensor(jnp.float32, 784), "float32[784]"),
        (jax.ShapeDtypeStruct((28, 28), jnp.bfloat16), "bfloat16[28,28]"),
        (np.zeros((2, 3), np.uint8), "uint8[2,3]"),
        (jnp.int32, "int32[]"),
        (np.float64, "float32[]"),
        ("bool", "bool[]"),
        (jax.random.key(0), "key<fry>[]"),
        (
            Linear(ff.tensor(jnp.float32, 784, 10), ff.tensor(jnp.float32, 10)),
            "<weights=float32[784,10],bias=float32[10]>",
        ),
        ({"y": jnp.int32, "x": (jnp.float32, [jnp.int8])}, "<x=<float32[],<int8[]>>,y=int32[]>"),
        ((), "<>"),
    ],
)
def test_a_type_reads_like_tffs(spec, written):
    assert str(ff.at_clients(spec)) == f"{{{written}}}@CLIENTS"
    assert str(ff.at_server(spec)) == f"{written}@SERVER"


def test_types_are_values():
    spec = {"a": jnp.float32, "b": ff.tensor(jnp.int32, 3)}
    assert ff.at_clients(spec) == ff.at_clients(dict(spec))
    assert ff.at_clients(spec) != ff.at_server(spec)
    assert ff.at_server((jnp.float32,)) != ff.at_server([jnp.float32])
    assert len({ff.at_clients(spec), ff.at_clients(spec)}) == 1
    assert ff.at_server(spec).member == {"a": ff.tensor(jnp.float32), "b": spec["b"]}


def test_what_is_no_type_is_refused():
    with pytest.raises(PlacementError, match=r"3\.5 is no type: give ff\.tensor"):
        ff.at_server({"a": 3.5})


def test_a_signature_lists_arguments_in_parentheses_unless_there_is_one():
    clients, server = ff.at_clients(ff.tensor(jnp.float32, 784)), ff.at_server(jnp.float32)

    @ff.federated_computation(clients, server)
    def two(x, scale):
        return ff.sum(ff.map(jnp.multiply, x, ff.broadcast(scale)))

    @ff.federated_computation(server)
    def one(scale):
        return {"all": ff.broadcast(scale), "own": (scale,)}

    @ff.federated_computation()
    def none():
        return ff.value(1.0, ff.SERVER)

    assert str(two.type_signature) == (
        "({float32[784]}@CLIENTS, float32[]@SERVER) -> float32[784]@SERVER"
    )
    assert str(one.type_signature) == (
        "float32[]@SERVER -> <all={float32[]}@CLIENTS,own=<float32[]@SERVER>>"
    )
    assert str(none.type_signature) == "() -> float32[]@SERVER"
    assert repr(none) == "<none: () -> float32[]@SERVER>"


def test_a_size_that_follows_from_the_number_of_clients_is_named():
    @ff.federated_computation(ff.at_clients(ff.tensor(jnp.float32, 3)))
    def gather(x):
        rows = ff.collect(x)
        return rows, ff.map(jnp.ravel, rows), ff.map(lambda r: r.reshape(2, -1, 3)[0, 0], rows)

    assert str(gather.type_signature.result[0]) == "float32[clients,3]@SERVER"
    assert str(gather.type_signature.result[1]) == "float32[?]@SERVER"
    assert str(gather.type_signature.result[2]) == "float32[3]@SERVER"


def test_a_size_that_follows_from_the_number_of_clients_needs_no_client_argument():
    gather = ff.federated_computation(ff.at_server(jnp.float32))(
        lambda x: ff.zip(ff.collect(ff.broadcast(x)), ff.collect(ff.value(1, ff.CLIENTS)))
    )
    constant = ff.federated_computation()(lambda: ff.collect(ff.value(1, ff.CLIENTS)))
    assert str(gather.type_signature.result) == "<float32[clients],int32[clients]>@SERVER"
    assert str(constant.type_signature) == "() -> int32[clients]@SERVER"


def test_inferring_a_signature_runs_nothing():
    seen = []

    @ff.federated_computation(ff.at_clients(jnp.float32))
    def record(x):
        return ff.map(lambda v: (jax.debug.callback(seen.append, v), v)[1], x)

    assert str(record.type_signature) == "{float32[]}@CLIENTS -> {float32[]}@CLIENTS"
    assert not seen
