"""FLTrust: a client counts as much as its update points where the server's own does.

Cao, Fang, Liu and Gong, "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping",
NDSS 2021, Algorithm 2.

    u_0 = what the server learns from w on its own few examples, as a client would
    each client i: sends u_i = LocalSGD(w) - w
    t_i = max(0, cosine(u_i, u_0))
    w = w + server( sum_i t_i |u_0| / |u_i| u_i / sum_i t_i )

Where no client is trusted, the model stays as it is.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.aggregators import Aggregator, Message, changed
from fedwhy.aggregators.attacks.attack import beneath_attacks
from fedwhy.aggregators.meaning import check_weighs
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Batch,
    Broadcast,
    Client,
    ClientWork,
    ServerState,
    Update,
)
from fedwhy.algorithms.recipe import recorded
from fedwhy.data import Dataset, batch_rows
from fedwhy.errors import ParameterError
from fedwhy.federated import trees
from fedwhy.models import Model

PyTree = Any


class Rooted(NamedTuple):
    """What the algorithm sends beside the weights, and the server's own update."""

    extra: PyTree
    update: Update


@recorded
def fltrust(algorithm: Algorithm, root: Dataset) -> Algorithm:
    """`algorithm`, whose server trusts clients that learn what it learns from its examples `root`.

    It does the work of a client on them, in the same order in every round, once on every device;
    the paper has 100 examples. Messages count by trust alone, not by clients' numbers of examples.
    Where clients attack, what they send is scored. Raises `ParameterError` for algorithms of
    several models, where `check_weighs` does, and where an attack comes behind links.
    """
    if algorithm.models is not None or algorithm.max_staleness or algorithm.clustered:
        raise ParameterError(
            "algorithm",
            f"FLTrust compares what clients and server learn from one model, so it does not fit "
            f"{algorithm.name}; take another algorithm",
        )
    check_weighs("fltrust", algorithm.aggregator)
    whole = algorithm.received or (lambda broadcast: broadcast)

    def plain(broadcast: Broadcast) -> Broadcast:
        return broadcast._replace(extra=broadcast.extra.extra)

    def broadcast(server: ServerState) -> Broadcast:
        sent = algorithm.broadcast(server)
        work = algorithm.client(algorithm.model)
        return sent._replace(extra=Rooted(sent.extra, update_of(work, sent, root)))

    def trusting(work: ClientWork) -> ClientWork:
        def start(broadcast, kept, client, key):
            return work.start(plain(broadcast), kept, client, key)

        def step(local, batch, broadcast, key):
            return work.step(local, batch, plain(broadcast), key)

        def finish(local, broadcast):
            message, kept, metrics = work.finish(local, plain(broadcast))
            return message._replace(reference=broadcast.extra.update), kept, metrics

        def own(kept, broadcast):
            return work.own(kept, plain(broadcast)) if work.own else None

        return work._replace(start=start, step=step, finish=finish, own=work.own and own)

    def wrapped(client: Callable[[Model], ClientWork]) -> Callable[[Model], ClientWork]:
        return lambda model: trusting(client(model))

    return algorithm._replace(
        broadcast=broadcast,
        aggregator=beneath_attacks(algorithm.aggregator, rooted, "fltrust"),
        client=wrapped(algorithm.client),
        adapt=algorithm.adapt and wrapped(algorithm.adapt),
        received=lambda broadcast: whole(plain(broadcast)),
    )


@recorded
def rooted(aggregator: Aggregator) -> Aggregator:
    """`aggregator`, to which a message counts as far as it agrees with its reference."""
    return changed("fltrust", aggregator, judged)


def judged(message: Message) -> Message:
    """The message as long as its reference, and trusted as far as it points there."""
    own, theirs = message.reference, message.update
    length = trees.norm(own) / jnp.maximum(trees.norm(theirs), 1e-30)
    return message._replace(
        update=trees.scale(theirs, length),
        weight=jnp.ones(()),
        trust=message.trust * jnp.maximum(0, trees.cosine(theirs, own)),
    )


def update_of(work: ClientWork, broadcast: Broadcast, root: Dataset) -> Update:
    """What the server learns by the client's `work` on `root`, as a client that begins anew."""
    size = np.array([len(root)])
    rows, _, _ = batch_rows(work.batching, size, np.zeros(1, int), np.zeros(1, int), 0, 0)
    filled = (rows >= 0).sum(axis=1)
    own = np.where(rows >= 0, rows, rows[:, :1])  # Padding is masked.
    x, y = (jax.tree.map(jnp.asarray, part) for part in (root.x, root.y))
    zero, one, key = jnp.int32(0), jnp.int32(1), jax.random.key(0)
    server = Client(zero, jnp.int32(len(root)), one, zero, jnp.float32(1))

    def step(number, local: PyTree) -> PyTree:
        of_step = jnp.asarray(own)[number]
        mask = (jnp.arange(rows.shape[1]) < jnp.asarray(filled)[number]).astype(jnp.float32)
        batch = Batch(trees.row(x, of_step), y[of_step], mask)
        return work.step(local, batch, broadcast, jax.random.fold_in(key, number))

    local = work.start(broadcast, work.enrol(broadcast.weights), server, key)
    local = jax.lax.fori_loop(0, len(rows), step, local)
    return work.finish(local, broadcast)[0].update
