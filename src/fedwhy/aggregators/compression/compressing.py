"""`compressing`: the link of a chain that sends what a compressor makes of updates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message, Traits, nothing
from fedwhy.aggregators.compression.arrays import Parted, join, part
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Changed, Link
from fedwhy.federated import trees

PyTree = Any

WEIGHT = 4  # bytes of a message's weight
BLOCKS, REST = "bytes_up_blocks", "bytes_up_rest"


class Report(NamedTuple):
    """What clients tell of their messages; summed over the cohort.

    - `clients` float32: 1
    - `error` float32: `|received - sent|^2 / |sent|^2`, over the arrays that are compressed
    - `bytes`: the bytes of the message as two uint32, thousands of 2**16 and the rest, so that no
      sum overflows; () where every message has the same
    """

    clients: jax.Array
    error: jax.Array
    bytes: tuple[jax.Array, ...] = ()


def compressing(name: str, compressor: Compressor) -> Link:
    """The link that changes updates into what the server unpacks.

    Numbers alone and integers go along as they are. Measures `compression_error`, the mean over
    clients of `|received - sent|^2 / |sent|^2`, and where lengths depend on the data the bytes of
    all messages, as `BLOCKS` of 65,536 and the `REST`: each is exact as a float32 up to a terabyte.
    """

    def encode(message: Message, memory: PyTree, state: PyTree, key: jax.Array) -> Changed:
        large, others = part(message.update)
        sent, memory, reported = send(compressor, large, others, key, memory)
        update = join(Parted(sent, others), message.update)
        return Changed(message._replace(update=update), memory, reported)

    def enrol(update: PyTree) -> PyTree:
        return compressor.begin(part(update).large)

    def decode(aggregate: PyTree, reported: Report, state: PyTree, key: jax.Array) -> Decoded:
        return Decoded(aggregate, state, measured(reported))

    return Link(
        name,
        encode,
        decode,
        enrol=nothing if compressor.begin is nothing else enrol,
        packed=lambda update: packed(compressor, update),
        traits=Traits(packs=True),
        compressor=compressor,
    )


def send(
    compressor: Compressor, arrays: Arrays, others: Arrays, key: jax.Array, memory: PyTree
) -> tuple[list[jax.Array], PyTree, Report]:
    """What the server unpacks, what the client remembers, and what it reports."""
    if not arrays:
        return [], memory, Report(jnp.ones(()), jnp.zeros(()), length(compressor, (), [], others))
    message = compressor.pack(arrays, key, memory)
    received = compressor.unpack(message, arrays)
    error = trees.squared_norm(trees.subtract(received, list(arrays)))
    norm = trees.squared_norm(arrays)
    report = Report(
        jnp.ones(()),
        jnp.where(norm > 0, error / jnp.where(norm > 0, norm, 1.0), 0.0),
        length(compressor, message, arrays, others),
    )
    return received, compressor.remember(message), report


def length(
    compressor: Compressor, message: PyTree, arrays: Arrays, others: Arrays
) -> tuple[jax.Array, ...]:
    """The bytes of a message, as `Report` has them."""
    if compressor.bits is None:
        return ()
    beside = WEIGHT + sum(leaf.size * leaf.dtype.itemsize for leaf in others)
    bits = compressor.bits(message, arrays) if arrays else jnp.uint32(0)
    total = (bits + 7) // 8 + jnp.uint32(beside)
    return total >> 16, total & 0xFFFF


def measured(reported: Report) -> dict[str, jax.Array]:
    """What the cohort's reports come to."""
    clients = jnp.maximum(reported.clients, 1.0)
    found = {"compression_error": reported.error / clients}
    if reported.bytes:
        high, low = reported.bytes
        found[BLOCKS] = (high + (low >> 16)).astype(jnp.float32)
        found[REST] = (low & 0xFFFF).astype(jnp.float32)
    return found


def packed(compressor: Compressor, update: PyTree) -> PyTree:
    """What is sent of an update: the packed arrays, and the others."""
    large, others = part(update)
    if not large:
        return others
    return compressor.pack(large, jax.random.key(0), compressor.begin(large)), others
