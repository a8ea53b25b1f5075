"""What each algorithm costs a client, measured on shapes: nothing is trained."""

from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from fedwhy.algorithms import ALGORITHMS, FullGradient, LocalSGD
from fedwhy.engine import Traffic, traffic
from fedwhy.engine.program import enrol
from fedwhy.engine.traffic import size
from fedwhy.experiment.tables import Client, client_table
from fedwhy.models import Model, Weights
from fedwhy.models.model import LayerParams

PyTree = Any

# The shape of an example.
EXAMPLE, POPULATION = jax.ShapeDtypeStruct((1, 784), "float32"), 100


class Cost(NamedTuple):
    """What a client bears, in multiples of the model's bytes, to two decimals.

    A few numbers beside a model count as 0.

    - `kept`: what it keeps between rounds
    - `extra_down`, `extra_up`: what it receives and sends in a round, beyond FedAvg
    """

    kept: float
    extra_down: float
    extra_up: float


def yardstick() -> Model:
    """A model with all that some algorithm asks for: layers, a normalisation with its statistics.

    It is of plain functions, since nothing need be compiled to know their shapes.
    """

    def init(key: jax.Array, example: Any) -> Weights:
        return Weights(layers(key, example), {"norm/mean": jnp.zeros(200)})

    def layers(key: jax.Array, example: Any) -> dict[str, jax.Array]:
        return {
            "body/kernel": jnp.zeros((example.shape[-1], 200)),
            "norm/scale": jnp.zeros(200),
            "head/kernel": jnp.zeros((200, 10)),
        }

    def features(params: dict[str, jax.Array], x: jax.Array, key: Any, train: bool) -> jax.Array:
        return (x @ params["body/kernel"]) * params["norm/scale"]

    model = Model.from_functions(
        layers,
        lambda params, *inputs: features(params, *inputs) @ params["head/kernel"],
        optax.softmax_cross_entropy_with_integer_labels,
        features=features,
    )
    kinds = {"body/kernel": "Dense", "norm/scale": "Normalization", "head/kernel": "Dense"}
    named = tuple(LayerParams(kind, (path,)) for path, kind in kinds.items())
    return replace(model, init=init, layers=lambda: named)


@cache
def measured() -> dict[str, Cost]:
    """The cost of every algorithm with its defaults, by its name."""
    model = yardstick()
    weights = jax.eval_shape(lambda: model.init(jax.random.key(0), EXAMPLE))
    kept: dict[str, int] = {}
    sent: dict[str, Traffic] = {}
    for name, build in ALGORITHMS.items():
        trains = client_table(name) is Client
        algorithm = build(model, LocalSGD(optax.sgd(0.1)) if trains else FullGradient())
        models = weights if algorithm.models is None else stacked(weights, algorithm.models)
        server = jax.eval_shape(lambda w, begin=algorithm.begin: begin(w, POPULATION), models)
        kept[name] = size(jax.eval_shape(lambda s, a=algorithm: enrol(a, s), server))
        sent[name] = traffic(algorithm, server)
    plain, whole = sent["fedavg"], size(weights)
    return {
        name: Cost(
            in_models(kept[name], whole),
            in_models(sent[name].down - plain.down, whole),
            in_models(sent[name].up - plain.up, whole),
        )
        for name in ALGORITHMS
    }


def stacked(shapes: PyTree, times: int) -> PyTree:
    """Shapes with a new first axis."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((times, *a.shape), a.dtype), shapes)


def in_models(size: int, model: int) -> float:
    """Bytes as multiples of a model's, to two decimals."""
    return round(size / model, 2) + 0.0  # Never -0.0.
