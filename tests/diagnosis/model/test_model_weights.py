import jax
import keras
import pytest
from model_problem import (
    dense,
    hidden,
    in_flax,
    in_jax,
    in_keras,
    normal,
    relu,
    repaired,
    setup,
    suspected,
)

from fedwhy.diagnosis import Evidence, Severity
from fedwhy.diagnosis.edits.model import redrawn
from fedwhy.errors import ParameterError


def cut_off(params, x, key, train):
    return jax.lax.stop_gradient(hidden(params, x)) @ params["w2"]


def negative(units):
    return relu(units, bias_initializer=keras.initializers.Constant(-20))


WRONG = {
    "FW210 Keras": lambda: in_keras(negative(64), dense(10)),
    "FW210 functions": lambda: in_jax(bias=-20.0),
    "FW211 Keras": lambda: in_keras(
        relu(**normal(1e-5)), relu(**normal(1e-5)), dense(10, **normal(1e-5))
    ),
    "FW212 Keras": lambda: in_keras(relu(**normal(2)), relu(**normal(2)), dense(10, **normal(2))),
    "FW213 Keras": lambda: in_keras(relu(200), dense(10, **normal(1.2))),
    "FW214 Keras": lambda: in_keras(
        relu(kernel_initializer="zeros"), dense(10, kernel_initializer="zeros")
    ),
    "FW214 functions": lambda: in_jax(spread=0.0),
    "FW215 Keras": lambda: in_keras(relu(trainable=False), dense(10)),
    "FW216 a pull, but no large penalty": lambda: in_keras(
        dense(10, kernel_regularizer=keras.regularizers.L2(0.1))
    ),
    "FW216 Keras": lambda: in_keras(relu(kernel_regularizer=keras.regularizers.L2(0.3)), dense(10)),
    "FW217 Keras": lambda: in_keras(relu(), lambda: keras.layers.Dropout(0.95), dense(10)),
    "FW217 Flax": lambda: in_flax(dropped=0.95),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_that_cannot_learn_are_found_and_repaired(name):
    problem, code = setup(WRONG[name]()), name[:5]
    assert list(suspected(Evidence(problem))) == [code]
    assert suspected(Evidence(repaired(problem, code))) == {}


def test_layers_that_lose_the_gradient_by_themselves_are_given_steps_without_scale():
    model = in_keras(*[dense(32, activation="sigmoid")] * 10, dense(10))
    edit = suspected(Evidence(setup(model)))["FW211"].prescription
    keys = {change.key: change.value for change in edit.changes({})}
    assert keys == {"optimizer": "adam", "learning_rate": 1e-3}


def test_deep_sigmoids_learn_once_they_are_relus():
    problem = setup(in_keras(*[dense(32, activation="sigmoid")] * 6, dense(10)))
    edit = suspected(Evidence(problem))["FW211"].others[0]
    assert problem.train(25, 0).history[-1]["test_accuracy"] < 0.2
    assert edit.apply(problem).train(25, 0).history[-1]["test_accuracy"] > 0.6


def test_weights_frozen_in_the_model_are_a_warning_where_they_are_most_of_it():
    found = suspected(Evidence(setup(in_keras(relu(trainable=False), dense(10)))))["FW215"]
    assert (found.severity, found.evidence["trained"]) == (Severity.warning, 650)


def test_what_was_mended_stays_so_when_the_model_is_made_again():
    frozen = setup(in_keras(relu(trainable=False), dense(10, **normal(40))))
    edit = suspected(Evidence(frozen))["FW215"].prescription
    drawn = frozen.changed(model=redrawn(frozen.model))
    after = Evidence(edit.apply(drawn)).model
    assert (after.untrained, after.parameters) == (0, 64 * 64 + 64 + 650)
    assert after.loss < 5 < Evidence(edit.apply(frozen)).model.loss


def test_a_layer_behind_stop_gradient_can_only_be_mended_in_the_code():
    problem = setup(in_jax(cut_off))
    found = suspected(Evidence(problem))
    assert found["FW215"].evidence["tensors"] == ["w1"]
    assert "stop_gradient(hidden(params, x))" in found["FW215"].prescription.code
    with pytest.raises(ParameterError, match="your own code"):
        found["FW215"].prescription.apply(problem)


def test_parameters_left_out_of_training_are_trained_once_repaired():
    problem = setup(in_jax(), trainable="w2")
    found = suspected(Evidence(problem))["FW215"]
    assert found.evidence == {"trained": 640, "parameters": 64 * 64 + 64 + 640}
    assert suspected(Evidence(found.prescription.apply(problem))) == {}


def test_zeros_learn_the_commonest_class_only_until_they_are_drawn_at_random():
    problem = setup(in_jax(spread=0.0))
    before, now = (s.train(5, 0).history for s in (problem, repaired(problem, "FW214")))
    assert before[-1]["test_accuracy"] < 0.2 < now[-1]["test_accuracy"]


def test_dropout_of_one_layer_is_as_loud_as_its_rate_says():
    noise = Evidence(setup(in_flax(dropped=0.8))).model.noise
    assert noise == pytest.approx(0.8 / (1 - 0.8), rel=0.5)


def test_dropout_is_not_loud_because_statistics_that_never_moved_make_evaluation_vanish():
    layers = keras.layers
    dropped = in_keras(
        lambda: layers.Dense(64, **normal(1e-6)),
        lambda: layers.BatchNormalization(),
        lambda: layers.Dropout(0.1),
        dense(10),
    )
    assert Evidence(setup(dropped)).model.noise < 1
