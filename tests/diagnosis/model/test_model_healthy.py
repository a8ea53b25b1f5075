import jax.numpy as jnp
import keras
import pytest
from model_problem import CROSSENTROPY, dense, in_flax, in_jax, in_keras, relu, setup, suspected

import fedwhy as fw
from fedwhy.diagnosis import Evidence
from fedwhy.models import Model

SOUND = {
    "softmax": lambda: Model.from_zoo("softmax"),
    "mlp": lambda: Model.from_zoo("mlp"),
    "convolutions": lambda: Model.from_zoo("cnn"),
    "probabilities": lambda: in_keras(
        relu(),
        dense(10, activation="softmax"),
        loss=keras.losses.SparseCategoricalCrossentropy(),
    ),
    "dropout in Flax": lambda: in_flax(dropped=0.5),
    "plain functions": in_jax,
    "softmax regression from zero": lambda: Model.from_functions(
        lambda key, example: {"w": jnp.zeros((64, 10))},
        lambda params, x, key, train: x.reshape(len(x), -1) @ params["w"],
        CROSSENTROPY,
        classes_from_output=True,
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_suspected_of_a_sound_model(name):
    assert suspected(Evidence(setup(SOUND[name]()))) == {}


@pytest.mark.parametrize("partition", [fw.IID(), fw.LabelsPerClient(2)])
def test_how_clients_differ_is_nothing_that_a_model_without_statistics_is_blamed_for(partition):
    assert suspected(Evidence(setup(Model.from_zoo("softmax"), partition))) == {}


def test_the_facts_are_those_of_the_model_that_the_run_begins_with():
    problem = setup(Model.from_zoo("mlp"))
    facts = Evidence(problem).model
    assert facts.parameters == 64 * 200 + 200 + 200 * 200 + 200 + 200 * 10 + 10
    assert facts.taken.chance == pytest.approx(2.302585)
    assert facts.loss == pytest.approx(2.3, abs=0.2)
    run = problem.train(1, problem.seed)
    assert run.history[-1]["train_loss"] < facts.loss


def test_a_model_that_raises_is_no_reason_to_raise():
    def apply(params, x, key, train):
        raise RuntimeError("not today")

    evidence = Evidence(setup(in_jax(apply)))
    assert "not today" in str(evidence.model.error)
    assert suspected(evidence) == {}


def test_a_regression_has_no_classes():
    problem = setup(Model.from_zoo("linear"))
    assert Evidence(problem).model.taken is None
    assert suspected(Evidence(problem)) == {}
