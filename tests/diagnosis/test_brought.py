"""What users of other frameworks bring becomes what causes look at."""

import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.aggregators import REASONS
from fedwhy.diagnosis.brought import clients_of, history_of, model_of, updates_of
from fedwhy.errors import DataError, ModelError, ParameterError


def test_names_of_other_frameworks_become_ours():
    first, second = history_of([{"loss": 2.0, "val_accuracy": 0.5}, {"accuracy": 0.7}])
    assert first["train_loss"] == 2.0
    assert first["test_accuracy"] == 0.5
    assert (first["round"], second["round"]) == (1, 2)
    assert second["train_accuracy"] == 0.7


def test_a_history_of_unknown_metrics_is_refused():
    with pytest.raises(ParameterError, match="history: no round has any of test_accuracy"):
        history_of([{"score": 1.0}])


def test_pairs_become_clients_by_name_or_number():
    x, y = np.zeros((4, 2), np.float32), np.array([0, 1, 2, 1])
    numbered, named = clients_of([(x, y), (x, y)]), clients_of({"b": (x, y), "a": (x, y)})
    assert (numbered.clients, numbered.classes) == (2, 3)
    assert [str(name) for name in named.ids] == ["b", "a"]


def test_what_is_no_pair_names_the_client():
    with pytest.raises(DataError, match="client 'b': expected a pair"):
        clients_of({"b": np.zeros(3)})


def test_updates_give_norms_and_cosines():
    sent = updates_of([[np.array([3.0, 0.0]), np.array([4.0])], [np.zeros(2), np.ones(1)]], [])
    assert sent.norm == pytest.approx([5.0, 1.0])
    assert sent.cosine[0, 1] == pytest.approx(0.8)
    assert sent.refused == ("", "")


def test_updates_that_are_not_finite_are_named():
    sent = updates_of([[np.array([np.nan])], [np.ones(1)]], ["here", "there"])
    assert sent.ids == ("here", "there")
    assert sent.refused == (REASONS[1], "")
    assert np.isfinite(sent.cosine).all()


def test_a_class_that_no_client_has_is_known_by_the_models_outputs():
    model = fw.Model.from_functions(
        lambda key, example: {"kernel": np.zeros((2, 10), np.float32)},
        lambda params, x, key, train: x @ params["kernel"],
        loss=optax.softmax_cross_entropy_with_integer_labels,
        classes_from_output=True,
    )
    x, y = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32), np.arange(40) % 9
    found = fw.diagnose(model=model, clients=[(x, y)] * 2)
    assert found.setup.clients.classes == 10
    assert "FW203" not in [finding.code for finding in found.findings]


@pytest.mark.parametrize(("fault", "code"), [(np.nan, "FW601"), (1000.0, "FW604")])
def test_a_client_whose_update_stands_out_is_named(fault, code):
    rng = np.random.default_rng(0)
    sent = [[rng.normal(size=50) + 1] for _ in range(8)]
    sent[3][0] *= fault
    model = fw.Model.from_zoo("softmax", classes=3)
    x, y = rng.normal(size=(30, 4)).astype(np.float32), np.arange(30) % 3
    found = fw.diagnose(model=model, clients=[(x, y)] * 8, updates=sent)
    named = {finding.code: finding.why for finding in found.findings}
    assert "client-003" in named[code]
    shown = str(found).splitlines()
    assert shown[0] == found.verdict
    assert [line for line in shown if line.startswith(code)] and f"    {named[code]}" in shown


def test_what_would_be_ignored_is_refused():
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax", classes=2), fw.LocalSGD(optax.sgd(0.1)))
    pair = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
    with pytest.raises(ParameterError, match="history: leave it out"):
        fw.diagnose(algorithm, clients=[pair], history=[{"loss": 1.0}])


def test_a_keras_model_needs_its_loss():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    with pytest.raises(ModelError, match=r"compile it .*model\.compile\(loss"):
        model_of(model)
    model.compile(loss="sparse_categorical_crossentropy")
    assert isinstance(model_of(model), fw.Model)


def test_either_an_algorithm_or_a_model():
    with pytest.raises(ParameterError, match="give either an algorithm or a model"):
        fw.diagnose()
