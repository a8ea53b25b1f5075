"""Error feedback: what compression left out of a message is added to the next.

Karimireddy, Rebjock, Stich and Jaggi, "Error Feedback Fixes SignSGD and other Gradient Compression
Schemes", ICML 2019, Algorithm 1; Stich, Cordonnier and Jaggi, "Sparsified SGD with Memory",
NeurIPS 2018.

    p_t = update_t + e_t
    send C(p_t)
    e_{t+1} = p_t - C(p_t)                e_0 = 0; kept by the client, absent or not
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message, Traits
from fedwhy.aggregators.compression.arrays import Parted, join, part
from fedwhy.aggregators.compression.compressing import Report, measured, packed, send
from fedwhy.aggregators.compressor import Arrays, Compressor
from fedwhy.aggregators.link import Changed, Link
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.recipe import recorded

PyTree = Any


class Kept(NamedTuple):
    """What a client has not sent yet, and what its compressor remembers."""

    residual: list[jax.Array]
    memory: PyTree


class Reported(NamedTuple):
    """What the compressor tells, and the norm of what was not sent."""

    sent: Report
    residual: jax.Array


@recorded
def error_feedback(link: Link) -> Link:
    """`link`, such as `top_k()`, whose clients send later what it leaves out now.

    It serves links that leave something out (`top_k`, `random_k`, `sign`, `power_sgd`); others need
    it less. What an unbiased `link` makes may be longer than what it is given, and residuals would
    grow: it is scaled to be as near as can be, for 4 bytes. Measures `residual_norm` as well, the
    mean of the norms over clients. Raises `ParameterError` where `link` compresses nothing.
    """
    if link.compressor is None:
        raise ParameterError(
            "link", f"expected what compresses updates, such as top_k(), given {link.name}"
        )
    compressor = contracting(link.compressor)

    def enrol(update: PyTree) -> Kept:
        large = part(update).large
        return Kept(trees.zeros(large), compressor.begin(large))

    def encode(message: Message, kept: Kept, state: PyTree, key: jax.Array) -> Changed:
        large, others = part(message.update)
        wanted = trees.add(large, kept.residual)
        sent, memory, reported = send(compressor, wanted, others, key, kept.memory)
        residual = trees.subtract(wanted, sent)
        update = join(Parted(sent, others), message.update)
        return Changed(
            message._replace(update=update),
            Kept(residual, memory),
            Reported(reported, trees.norm(residual)),
        )

    def decode(aggregate: PyTree, reported: Reported, state: PyTree, key: jax.Array) -> Decoded:
        norm = reported.residual / jnp.maximum(reported.sent.clients, 1.0)
        return Decoded(aggregate, state, {**measured(reported.sent), "residual_norm": norm})

    return Link(
        f"error_feedback({link.name})",
        encode,
        decode,
        enrol=enrol,
        packed=lambda update: packed(compressor, update),
        traits=Traits(packs=True, carries=True),
    )


class Scaled(NamedTuple):
    """What a compressor packs, and the factor of what is unpacked, float32."""

    factor: jax.Array
    inner: PyTree


def contracting(compressor: Compressor) -> Compressor:
    """A compressor whose result is never farther from the arrays than zero is.

    Biased ones are that already. The result r of others is scaled by least squares: the factor
    `<r, x> / |r|^2` leaves `|x|^2 (1 - cos^2)` of x, whatever the variance. For `random_k` it takes
    away `d / k`.
    """
    if compressor.variance is None:
        return compressor

    def pack(arrays: Arrays, key: jax.Array, memory: PyTree) -> Scaled:
        inner = compressor.pack(arrays, key, memory)
        result = compressor.unpack(inner, arrays)
        square = trees.squared_norm(result)
        factor = trees.dot(result, list(arrays)) / jnp.where(square > 0, square, 1.0)
        return Scaled(factor, inner)

    def unpack(packed: Scaled, like: Arrays) -> list[jax.Array]:
        return trees.scale(compressor.unpack(packed.inner, like), packed.factor)

    def with_factor(bits: Callable[[PyTree, Arrays], jax.Array]):
        return lambda packed, like: bits(packed.inner, like) + jnp.uint32(32)

    return Compressor(
        pack,
        unpack,
        compressor.begin,
        lambda packed: compressor.remember(packed.inner),
        bits=compressor.bits and with_factor(compressor.bits),
    )
