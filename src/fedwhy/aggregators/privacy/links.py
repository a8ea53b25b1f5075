"""Noise as a link: on the aggregate at the server, or on every message at its client.

Central noise after clipping as in Sun, Kairouz, Suresh and McMahan, "Can You Really Backdoor
Federated Learning?", 2019 ("weak differential privacy"); local noise as in Kasiviswanathan, Lee,
Nissim, Raskhodnikova and Smith, "What Can We Learn Privately?", FOCS 2008, with the Gaussian
mechanism.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message, Traits
from fedwhy.aggregators.link import Changed, Link
from fedwhy.aggregators.privacy.bounding import bounded, check_untrusted
from fedwhy.aggregators.privacy.noise import normal
from fedwhy.federated import trees
from fedwhy.parameters import OpenFraction, Positive, checked
from fedwhy.privacy import Accountant, Release
from fedwhy.recipe import recorded

PyTree = Any


@recorded
@checked
def noise(std: Positive = 1e-3) -> Link:
    """Adds Gaussian noise of the standard deviation `std` to the aggregate.

    It blurs what single clients have planted. No epsilon is told for it, since how far a client
    moves a mean depends on who else takes part: for a guarantee, take `private_mean`. Measures
    `signal_norm`, `noise_norm` and `signal_to_noise`, their quotient.
    """

    def decode(aggregate: PyTree, reported: PyTree, state: PyTree, key: jax.Array) -> Decoded:
        drawn = trees.scale(normal(aggregate, key), std)
        signal, noise = trees.norm(aggregate), trees.norm(drawn)
        measured = {"signal_norm": signal, "noise_norm": noise, "signal_to_noise": signal / noise}
        return Decoded(trees.add(aggregate, drawn), state, measured)

    return Link("noise", decode=decode, traits=Traits(noisy=True))


class Hidden(NamedTuple):
    """Of one message, or summed over messages, float32: how many, how many clipped, norms."""

    clients: jax.Array
    clipped: jax.Array
    signal: jax.Array
    noise: jax.Array


@recorded
@checked
def local_noise(
    *,
    clip: Positive = 1.0,
    noise_multiplier: Positive = 1.0,
    delta: OpenFraction | None = None,
    accountant: Accountant = "pld",
) -> Link:
    """Every client clips its update to the norm `clip` and adds noise before it sends it.

    The noise has the standard deviation `noise_multiplier * clip`. `epsilon` in the records is of
    the client that took part most often, against a server that sees its every message: it holds
    for any two updates, which differ by up to twice the norm. See `private_mean` for the rest.

    Measures `clipped`, the share of clients whose update was cut down, and the means over clients
    of `signal_norm`, the norm of what is left, and `noise_norm`: exact numbers, as all of records.
    """

    def encode(message: Message, kept: PyTree, state: PyTree, key: jax.Array) -> Changed:
        check_untrusted("local_noise", message)
        update, inside = bounded(message.update, clip)
        drawn = trees.scale(normal(update, key), noise_multiplier * clip)
        reported = Hidden(jnp.ones(()), 1 - inside, trees.norm(update), trees.norm(drawn))
        return Changed(message._replace(update=trees.add(update, drawn)), kept, reported)

    def decode(aggregate: PyTree, reported: Hidden, state: PyTree, key: jax.Array) -> Decoded:
        clients, *sums = reported
        names = ("clipped", "signal_norm", "noise_norm")
        means = (each / jnp.maximum(clients, 1) for each in sums)
        return Decoded(aggregate, state, dict(zip(names, means, strict=True)))

    return Link(
        "local_noise",
        encode,
        decode,
        traits=Traits(noisy=True),
        privacy=Release(noise_multiplier, None, delta, accountant, local=True),
    )
