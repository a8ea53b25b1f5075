"""How much a server trusts what a client sends: a factor of its weight, for any algorithm.

All are computed by the server from the message that it has received, so that nothing more is
sent; a secure sum, which hides single messages from the server, leaves no room for them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators import Aggregator, Decoded, Message
from fedwhy.aggregators.attacks.attack import beneath_attacks
from fedwhy.aggregators.meaning import check_sees, check_weighs
from fedwhy.algorithms.algorithm import Algorithm, ClientWork, Update
from fedwhy.algorithms.clusters import one_model
from fedwhy.algorithms.fltrust import fltrust
from fedwhy.algorithms.recipe import recorded
from fedwhy.data import Dataset
from fedwhy.errors import ParameterError
from fedwhy.federated import paths, trees
from fedwhy.models import Model, Weights
from fedwhy.parameters import Positive, checked

__all__ = ["by_agreement", "by_quality", "fltrust"]

PyTree = Any

# The logarithm of the greatest trust by quality: float32 holds the sums of such weights.
LARGEST = 50.0


@recorded
@checked
def by_quality(
    algorithm: Algorithm, validation: Dataset, *, temperature: Positive = 1.0
) -> Algorithm:
    """Trusts a client by `exp((loss - its loss) / temperature)` on the server's own examples.

    That is aggregation by exponential weights (Dalalyan and Tsybakov, "Aggregation by Exponential
    Weighting, Sharp PAC-Bayesian Bounds and Sparsity", Machine Learning 2008). `loss` is the global
    model's: it falls out of a weighted mean and keeps the numbers near 1. The client's is that of
    the global model moved by what it sends (FedNova's clients send normalised updates, FedDC's
    theirs with the drift). `validation` is one batch; a few hundred examples do. Trust stays
    within `exp(-LARGEST)` and `exp(LARGEST)`.

    Raises `ParameterError` where the server's examples cannot judge an update: for an algorithm
    of several models or of stale ones, and in training where clients keep parts of the model; and
    where its aggregator adds noise, shows the server sums only, counts all messages alike, or is
    under attack: updates are scored before attackers change them.
    """
    if one_model(algorithm, "by_quality").max_staleness > 0:
        raise ParameterError(
            "algorithm",
            f"clients of {algorithm.name} begin with different models, and by_quality compares "
            f"updates of one; use by_agreement",
        )

    check_sees("by_quality", algorithm.aggregator)

    def client(model: Model) -> ClientWork:
        work = algorithm.client(model)

        def loss(weights: Weights) -> jax.Array:
            output, _ = model.apply(*weights, validation.x, None, False)
            return jnp.mean(model.loss(output, validation.y))

        def finish(local: PyTree, broadcast: Any):
            message, kept, metrics = work.finish(local, broadcast)
            params, state = broadcast.weights
            if work.own and is_part(message.update.weights.params, params):
                raise ParameterError(
                    "personal",
                    "by_quality judges updates of the whole model, of which clients keep a part; "
                    "use by_agreement, or share all of it",
                )
            moved = Weights(
                trees.move(params, paths.fill(message.update.weights.params, params)),
                trees.move(state, message.update.weights.state),
            )
            better = (loss(broadcast.weights) - loss(moved)) / temperature
            return _trusted(message, jnp.exp(jnp.clip(better, -LARGEST, LARGEST))), kept, metrics

        return work._replace(finish=finish)

    return algorithm._replace(client=client, trusts="by_quality")


def is_part(update: PyTree, params: PyTree) -> bool:
    """Whether `update` leaves out some of `params`."""
    return len(jax.tree.leaves(update)) < len(jax.tree.leaves(params))


class Recalled(NamedTuple):
    """What the aggregator keeps at the server, and the parameters' part of its last aggregate."""

    aggregator: PyTree
    last: PyTree


@recorded
def by_agreement(algorithm: Algorithm) -> Algorithm:
    """Trusts a client by `max(0, cosine)` of its update and the last round's aggregate.

    The score is that of Cao et al., "FLTrust: Byzantine-robust Federated Learning via Trust
    Bootstrapping", NDSS 2021; in place of an update of the server's own stands the last aggregate,
    as in Wang, Wang and Li, "CMFL: Mitigating Communication Overhead for Federated
    Learning", ICDCS 2019. In the first round, and after one in which nobody agreed and so nothing
    moved, all are trusted. Where clients attack, what they send is scored. Raises `ParameterError`
    for an algorithm of several models, where its aggregator adds noise, shows the server sums only
    or counts all messages alike, and where an attack comes behind links, which come behind the
    score.
    """
    aggregator = one_model(algorithm, "by_agreement").aggregator
    check_weighs("by_agreement", aggregator)
    return algorithm._replace(aggregator=beneath_attacks(aggregator, agreeing, "by_agreement"))


@recorded
def agreeing(aggregator: Aggregator) -> Aggregator:
    """`aggregator`, to which a message counts as far as it agrees with the last aggregate."""

    def init(update: Update) -> Recalled:
        last = trees.zeros(trees.as_float32(update.weights.params))
        return Recalled(aggregator.init(update), last)

    def encode(message: Message, client_state: PyTree, state: Recalled, key: jax.Array):
        trust = jnp.maximum(0, trees.cosine(message.update.weights.params, state.last))
        trust = jnp.where(trees.squared_norm(state.last) > 0, trust, 1.0)
        return aggregator.encode(_trusted(message, trust), client_state, state.aggregator, key)

    def decode(total: Any, state: Recalled, key: jax.Array) -> Decoded:
        decoded = aggregator.decode(total, state.aggregator, key)
        last = trees.as_float32(decoded.aggregate.weights.params)
        return decoded._replace(state=Recalled(decoded.state, last))

    return aggregator._replace(name="agreement", init=init, encode=encode, decode=decode)


def _trusted(message: Message, trust: jax.Array) -> Message:
    return message._replace(trust=message.trust * trust)
