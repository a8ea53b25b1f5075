"""Digits on ten clients, and models of three front ends with one thing wrong in them."""

from typing import Any

import jax
import jax.numpy as jnp
import keras
import optax
from flax import nnx

import fedwhy as fw
from fedwhy.diagnosis import Evidence, Setup, Suspicion
from fedwhy.diagnosis.causes import model as group
from fedwhy.models import Model

LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
CROSSENTROPY = optax.softmax_cross_entropy_with_integer_labels


def setup(model, partition=None, rounds=10, **local):
    digits = fw.load("digits")
    scheme = partition or fw.Dirichlet(alpha=1.0)
    clients = fw.partition(digits.train, scheme, clients=10, seed=0)
    training = fw.LocalSGD(optax.sgd(0.1), epochs=1, batch_size=20, **local)
    return Setup(fw.fedavg(model, training), clients, rounds, cohort=10, test=digits.test)


def suspected(evidence) -> dict[str, Suspicion]:
    """The suspicions of all causes, by code."""
    found = {cause.code: cause.suspect(evidence) for cause in group.CAUSES}
    return {code: suspicion for code, suspicion in found.items() if suspicion}


def repaired(problem, code):
    """The setup with the prescription applied."""
    return suspected(Evidence(problem))[code].prescription.apply(problem)


def dense(units, **options):
    return lambda: keras.layers.Dense(units, **options)


def relu(units: int = 64, **options: Any):
    return dense(units, activation="relu", **options)


def in_keras(*layers, loss: Any = LOGITS):
    """A Keras model of these layers (functions that make them), on flattened inputs."""
    return Model.from_keras(
        lambda: keras.Sequential([keras.layers.Flatten(), *(make() for make in layers)]), loss
    )


def normal(spread) -> dict[str, Any]:
    return {"kernel_initializer": keras.initializers.RandomNormal(stddev=spread, seed=0)}


class Net(nnx.Module):
    def __init__(self, rngs, last, normalise, dropped):
        self.hidden = nnx.Linear(64, 64, rngs=rngs)
        self.out = nnx.Linear(64, 10, rngs=rngs)
        self.norm = nnx.BatchNorm(64, rngs=rngs) if normalise else lambda h: h
        self.dropout = nnx.Dropout(dropped, rngs=rngs)
        self.last = last

    def __call__(self, x):
        hidden = self.norm(self.hidden(x.reshape(len(x), -1)))
        return self.last(self.out(self.dropout(nnx.relu(hidden))))


def in_flax(last=lambda output: output, normalise=False, dropped=0.0):
    return Model.from_flax(
        lambda rngs: Net(rngs, last, normalise, dropped), CROSSENTROPY, classes_from_output=True
    )


def hidden(params, x):
    return jax.nn.relu(x.reshape(len(x), -1) @ params["w1"] + params["b"])


def two_layers(params, x, key, train):
    return hidden(params, x) @ params["w2"]


def in_jax(apply=two_layers, loss=CROSSENTROPY, spread=0.1, bias=0.0, **options):
    """Two layers in plain functions, whose initial weights have this spread."""

    def init(key, example):
        first, second = jax.random.split(key)
        return {
            "w1": spread * jax.random.normal(first, (64, 64)),
            "b": jnp.full(64, bias),
            "w2": spread * jax.random.normal(second, (64, 10)),
        }

    return Model.from_functions(init, apply, loss, classes_from_output=True, **options)
