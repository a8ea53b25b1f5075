"""Small setups whose aggregation or server has one thing wrong with it, or nothing."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import fedwhy as fw
from fedwhy.aggregators.aggregator import Aggregator, stacked
from fedwhy.diagnosis import Evidence, Setup, Suspicion
from fedwhy.diagnosis.causes import server
from fedwhy.engine import Engine

CAUSES = {cause.code: cause for cause in server.CAUSES}
ENGINE = Engine(lanes=1, devices=1, lowering="off")
LOCAL = fw.LocalSGD(optax.sgd(0.1), epochs=1, batch_size=20)
TRAIN = ("sampler", "clock", "rounds", "cohort")


def network() -> fw.Model:
    """Softmax regression of the digits in plain JAX, which begins at once."""

    def apply(params, x, key, train):
        return x.reshape(len(x), -1) @ params["kernel"]

    return fw.Model.from_functions(
        lambda key, example: {"kernel": 0.1 * jax.random.normal(key, (64, 10))},
        apply,
        loss=optax.softmax_cross_entropy_with_integer_labels,
        classes_from_output=True,
    )


def setup(digits, partition: Any = None, number: int = 10, **options: Any) -> Setup:
    """Digits at some clients; `build` and further options are those of the algorithm."""
    scheme = partition or fw.Dirichlet(alpha=1.0)
    clients = fw.partition(digits.train, scheme, clients=number, seed=0)
    how: dict[str, Any] = {"rounds": 10, "cohort": number} | {
        k: options.pop(k) for k in TRAIN if k in options
    }
    client, build = options.pop("client", LOCAL), options.pop("build", fw.fedavg)
    algorithm = build(network(), client, **options)
    return Setup(algorithm, clients, test=digits.test, engine=ENGINE, **how)


def suspected(code: str, setup: Setup, history: Any = None, **evidence: Any) -> Suspicion | None:
    """What one cause says of it."""
    return CAUSES[code].suspect(Evidence(setup, history, **evidence))


def own(rule: Any) -> Aggregator:
    """An aggregator of a user's own, by a rule for each stacked leaf `[slots, ...]`."""
    return stacked("mine", lambda stack: jax.tree.map(rule, stack.encoded))


def in_sequence(leaf: jax.Array) -> jax.Array:
    """`total = (total + update) / 2` for one update after another."""
    total = jnp.zeros(leaf.shape[1:])
    return jax.lax.fori_loop(0, len(leaf), lambda i, total: (total + leaf[i]) / 2, total)


def never(clients: int, others: int) -> np.ndarray:
    """Weights of a sampler that knows the first few clients only."""
    return np.r_[np.ones(clients), np.zeros(others)]
