"""Small setups whose local training has one thing wrong with it, or nothing."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

import fedwhy as fw
from fedwhy.diagnosis import Evidence, Setup, Suspicion
from fedwhy.diagnosis.causes import training
from fedwhy.engine import Engine

CAUSES = {cause.code: cause for cause in training.CAUSES}
ENGINE = Engine(lanes=1, devices=1, lowering="off")


def local(optimizer: Any = None, **options: Any) -> fw.LocalSGD:
    """Local training that suits the digits, with other options."""
    return fw.LocalSGD(optimizer or optax.sgd(0.1), **{"epochs": 1, "batch_size": 20, **options})


def linear() -> fw.Model:
    """Softmax regression of the digits in plain JAX, which begins at once."""

    def init(key, example):
        return {
            "kernel": 0.1 * jax.random.normal(key, (64, 10)),
            "bias": jnp.zeros(10),
        }

    def apply(params, x, key, train):
        return x.reshape(len(x), -1) @ params["kernel"] + params["bias"]

    return fw.Model.from_functions(
        init,
        apply,
        loss=optax.softmax_cross_entropy_with_integer_labels,
        classes_from_output=True,
    )


def setup(digits, client: Any = None, partition: Any = None, **options: Any) -> Setup:
    """Digits at 10 clients; `build` and further options are those of the algorithm."""
    clients = fw.partition(digits.train, partition or fw.Dirichlet(alpha=1.0), clients=10, seed=0)
    build, rounds = options.pop("build", fw.fedavg), options.pop("rounds", 10)
    algorithm = build(linear(), client or local(), **options)
    return Setup(algorithm, clients, rounds, 10, test=digits.test, engine=ENGINE)


def suspected(code: str, setup: Setup, history: Any = None, **evidence: Any) -> Suspicion | None:
    """What one cause says of it."""
    return CAUSES[code].suspect(Evidence(setup, history, **evidence))
