"""Momentum at the clients: each sends a running mean of its updates.

Karimireddy, He and Jaggi, "Learning from History for Byzantine Robust Optimization", ICML 2021,
Algorithm 1, where a client's gradients stand for updates.

    m_c = beta m_c + (1 - beta) u_c, from m_c = 0
    send m_c

Running means of honest clients differ less than their updates, which leaves attackers less room
over time. A client that is away keeps its mean as it was.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Decoded, Message
from fedwhy.aggregators.link import Changed, Link
from fedwhy.federated import trees
from fedwhy.parameters import BelowOne, checked


class Sent(NamedTuple):
    """Of one message, or summed over messages, float32: how many, and norms."""

    clients: jax.Array
    norm: jax.Array


@checked
def momentum(beta: BelowOne = 0.9) -> Link:
    """Sends the running mean of a client's updates, of which it keeps the share `beta`.

    Measures `momentum_norm`, the mean over clients of the norm of what they send.
    """

    def encode(message: Message, kept, state, key: jax.Array) -> Changed:
        update = trees.as_float32(message.update)
        mean = trees.add(trees.scale(kept, beta), trees.scale(update, 1 - beta))
        sent = message._replace(update=trees.cast(mean, message.update))
        return Changed(sent, mean, Sent(jnp.ones(()), trees.norm(mean)))

    def decode(aggregate, reported: Sent, state, key: jax.Array) -> Decoded:
        norm = reported.norm / jnp.maximum(reported.clients, 1)
        return Decoded(aggregate, state, {"momentum_norm": norm})

    def enrol(update):
        return trees.zeros(trees.as_float32(update))

    return Link("momentum", encode, decode, enrol=enrol)
