"""The main job on real data, with the models that people bring."""

import jax
import numpy as np
import optax
import pytest

import fedwhy as fw


def test_federated_mlp_learns_label_skewed_digits(digits):
    clients = fw.partition(digits.train, fw.Dirichlet(0.1), clients=50, seed=0)
    model = fw.Model.from_zoo("mlp", classes=10)
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.sgd(0.1), epochs=5, batch_size=20))
    run = fw.train(
        algorithm,
        clients,
        rounds=100,
        cohort=10,
        test=digits.test,
        evaluate_every=100,
        progress=False,
    )
    assert run.summary()["test_accuracy"] > 0.9


@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_mobilenet_trains_federated_on_resized_digits(normalization):
    digits = fw.load("digits", resize=(32, 32))
    clients = fw.partition(digits.train, fw.IID(), clients=12, seed=0)
    model = fw.Model.from_zoo("mobilenet", classes=10, alpha=0.25, normalization=normalization)
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.adam(1e-3), epochs=1, batch_size=40))
    engine = fw.Engine(lanes=1, devices=1, lowering="on")  # To measure takes a minute.
    run = fw.train(algorithm, clients, rounds=3, cohort=3, progress=False, engine=engine)
    losses = [record["train_loss"] for record in run.history[1:]]
    assert losses[-1] < losses[0]
    statistics = jax.tree.leaves(run.weights.state)
    assert bool(statistics) == (normalization == "batch")
    assert all(np.isfinite(s).all() for s in statistics)


def test_design_page_example_runs_with_a_model_that_has_no_input_shape(digits):
    import keras

    clients = fw.partition(digits.train, fw.Dirichlet(0.1), clients=50, seed=0)
    model = fw.Model.from_keras(
        lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.sgd(0.1), epochs=5, batch_size=20))
    run = fw.train(algorithm, clients, rounds=30, cohort=10, test=digits.test, progress=False)
    assert run.summary()["test_accuracy"] > 0.8
