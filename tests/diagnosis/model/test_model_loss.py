import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from flax import nnx
from model_problem import (
    dense,
    hidden,
    in_flax,
    in_jax,
    in_keras,
    relu,
    repaired,
    setup,
    suspected,
    two_layers,
)

from fedwhy.diagnosis import Change, Evidence
from fedwhy.diagnosis.facts.model_outputs import activation, taken
from fedwhy.models import Model

PROBABILITIES = keras.losses.SparseCategoricalCrossentropy()


def chosen(output, y):
    return jnp.take_along_axis(output, y[:, None], 1)[:, 0]


def after(last):
    return lambda params, x, key, train: last(two_layers(params, x, key, train))


WRONG = {
    "FW201 Keras": lambda: in_keras(relu(), dense(10, activation="softmax")),
    "FW201 Flax": lambda: in_flax(last=nnx.softmax),
    "FW201 functions": lambda: in_jax(after(jax.nn.softmax)),
    "FW202 Keras": lambda: in_keras(relu(), dense(10), loss=PROBABILITIES),
    "FW202 functions": lambda: in_jax(
        loss=lambda output, y: -jnp.log(jnp.clip(chosen(output, y), 1e-7, 1))
    ),
    "FW202 logarithms": lambda: in_jax(loss=lambda output, y: -chosen(output, y)),
    "FW204 Keras": lambda: in_keras(relu(), dense(10, activation="tanh")),
    "FW204 Flax": lambda: in_flax(last=nnx.sigmoid),
}


@pytest.mark.parametrize("name", WRONG)
def test_outputs_that_are_not_what_the_loss_takes_are_found_and_repaired(name):
    problem, code = setup(WRONG[name]()), name[:5]
    assert list(suspected(Evidence(problem))) == [code]
    assert suspected(Evidence(repaired(problem, code))) == {}


def test_a_relu_at_the_output_is_replaced_by_a_linear_read_out_of_its_features():
    model = in_jax(after(jax.nn.relu), features=lambda params, x, key, train: hidden(params, x))
    problem = setup(model)
    assert "FW204" in suspected(Evidence(problem))
    assert Evidence(repaired(problem, "FW204")).model.outputs.least < 0


def test_the_repaired_loss_is_the_crossentropy_of_the_probabilities():
    model = repaired(setup(in_keras(relu(), dense(10, activation="softmax"))), "FW201").model
    p = np.full((2, 10), 0.05, np.float32)
    p[:, 3] = 0.55
    np.testing.assert_allclose(model.loss(p, np.array([3, 4])), -np.log([0.55, 0.05]), rtol=1e-5)


def test_a_run_that_reads_probabilities_as_logits_does_better_once_repaired():
    problem = setup(in_keras(relu(), dense(10, activation="softmax")))
    before, now = (s.train(5, 0).history for s in (problem, repaired(problem, "FW201")))
    assert now[-1]["test_accuracy"] > before[-1]["test_accuracy"] + 0.1


def test_the_experiment_file_and_the_line_to_change_are_named():
    def build():
        return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])

    model = Model.from_keras(build, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    edit = suspected(Evidence(setup(model)))["FW201"].prescription
    assert 'keras.layers.Dense(10, "softmax")' in edit.code
    assert edit.changes({"model": {"keras": "my:build"}}) == (
        Change("model", "from_logits", False),
    )
    assert edit.changes({"model": {"name": "mlp"}}) == ()


def test_targets_that_an_activation_cannot_reach():
    model = Model.from_keras(
        lambda: keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]),
        keras.losses.MeanSquaredError(),
    )
    found = suspected(Evidence(setup(model)))["FW204"]
    assert found.evidence["outside"] == pytest.approx(0.8, abs=0.1)  # Digits 2 to 9 of 10.


def test_activations_are_told_by_their_bounds():
    z = np.random.default_rng(0).normal(size=(32, 4))
    one = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    assert activation(one, one) == "softmax"
    assert activation(np.log(one), np.log(one)) == "log_softmax"
    assert activation(1 / (1 + np.exp(-z)), (z > 0).astype(float)) == "sigmoid"
    assert activation(np.tanh(z), np.tanh(1e3 * z)) == "tanh"
    assert activation(np.maximum(z, 0), np.maximum(1e3 * z, 0)) == "relu"
    assert activation(z, 1e3 * z) == "linear"


@pytest.mark.parametrize("from_logits", [True, False])
def test_a_loss_of_yes_and_no_is_told_by_its_values(from_logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
    model = in_keras(dense(1), loss=loss)
    y = np.array([0, 1, 1, 0], np.float32)[:, None]
    found = taken(model, np.zeros((4, 1), np.float32), y, y, None)
    assert found == ("logits" if from_logits else "probabilities", True, pytest.approx(np.log(2)))
