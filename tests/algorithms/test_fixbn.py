"""FixBN against a transcription: batch normalisation by hand, until its statistics are fixed."""

from dataclasses import replace

import numpy as np
import optax
import pytest
from problem import CLIENTS, RATE, X, Y, batches, local_sgd, train

import fedwhy as fw

import keras  # isort: skip  # after fedwhy, which has it run on JAX

LOCAL = local_sgd(optax.sgd(RATE))
EPSILON, KEPT = 1e-3, 0.6  # of the layer, and how much its moving statistics keep in a step
ROUNDS, AFTER = 4, 2


def squared(y, output):
    """Half the squared distance, by example."""
    return (output[:, 0] - y.reshape(-1)) ** 2 / 2


def model():
    """A linear model of normalised inputs, whose scale and offset are not trained."""
    layer = keras.layers.BatchNormalization(
        momentum=KEPT, epsilon=EPSILON, center=False, scale=False
    )
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
    return fw.Model.from_keras(lambda: keras.Sequential([layer, dense]), squared)


def transcription(after):
    """Weights, means and variances after rounds of all clients, each weighing its examples."""
    w, mean, variance = np.ones(3), np.zeros(3), np.ones(3)
    for number in range(1, ROUNDS + 1):
        results = []
        for i in range(CLIENTS):
            u, m, v = w.copy(), mean.copy(), variance.copy()
            for rows in batches(i):
                # A batch that is not full repeats its examples, in the statistics only.
                x, y = X[rows].astype(float), Y[rows].astype(float)
                if number > after:
                    seen = (x - mean) / np.sqrt(variance + EPSILON)
                else:
                    seen = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPSILON)
                    m = KEPT * m + (1 - KEPT) * x.mean(axis=0)
                    v = KEPT * v + (1 - KEPT) * x.var(axis=0)
                u -= RATE * seen.T @ (seen @ u - y) / len(y)
            results.append((u, m, v))
        sizes = [len(set(np.concatenate(batches(i)))) for i in range(CLIENTS)]
        w, mean, variance = (
            np.average(each, axis=0, weights=sizes) for each in zip(*results, strict=True)
        )
    return w, mean, variance


@pytest.mark.parametrize(("after", "lanes"), [(0, 1), (AFTER, 1), (AFTER, 3), (ROUNDS, 1)])
def test_fixbn_is_the_transcription(after, lanes):
    engine = fw.Engine(lanes=lanes, devices=1, lowering="off")
    algorithm = fw.fixbn(model(), LOCAL, after=after)
    run = train(algorithm, rounds=ROUNDS, size=CLIENTS, engine=engine)
    w, mean, variance = transcription(after)
    state = {path.split("/")[-1]: value for path, value in run.weights.state.items()}
    np.testing.assert_allclose(np.ravel(next(iter(run.weights.params.values()))), w, atol=1e-5)
    np.testing.assert_allclose(state["moving_mean"], mean, atol=1e-5)
    np.testing.assert_allclose(state["moving_variance"], variance, atol=1e-5)


def test_before_statistics_are_fixed_it_is_fedavg():
    ours = train(fw.fixbn(model(), LOCAL, after=ROUNDS), rounds=ROUNDS).weights
    theirs = train(fw.fedavg(model(), LOCAL), rounds=ROUNDS).weights
    for path, value in theirs.params.items():
        np.testing.assert_allclose(ours.params[path], value)


def test_local_training_must_average_the_statistics():
    with pytest.raises(fw.FedwhyError, match='^state: fixbn averages .* given "frozen"'):
        fw.fixbn(model(), replace(LOCAL, state="frozen"))


def test_model_without_statistics_is_refused():
    dense = fw.Model.from_zoo("linear", outputs=1)
    with pytest.raises(fw.FedwhyError, match="fixes moving statistics, and the model has none"):
        train(fw.fixbn(dense, LOCAL))
