"""`[fine_tune]`: clients train on when the run has ended, as `Run.fine_tune` has them do."""

import json

import numpy as np
import optax
import pytest

import fedwhy as fw
from fedwhy.report.sentence import sentence
from fedwhy.tracking import read_record

FILE = """
[partition]
clients = 12
test = 0.25

[model]
name = "mlp"

[train]
rounds = 2
cohort = 6
devices = 1

[fine_tune]
learning_rate = 0.2
epochs = 2
last_layer = true
"""


def test_run_folder_tells_how_clients_fare_before_and_after(file, tmp_path):
    experiment, folder = fw.Experiment.read(file), tmp_path / "run"
    run = experiment.run(experiment.folder(folder), progress=False)
    clients, _, held = experiment.data
    head = experiment.model.in_last_layer
    steps = fw.LocalSGD(optax.sgd(0.2), epochs=2, batch_size=20, trainable=head)
    assert held is not None
    before, after = run.fine_tune(clients, held, steps)
    kept = json.loads((folder / "fine_tuning.json").read_text())
    assert kept["before_accuracy"] == pytest.approx(before.weighted["accuracy"])
    assert kept["after_accuracy_worst_decile"] == pytest.approx(after.worst_decile["accuracy"])
    assert [client["id"] for client in kept["clients"]] == held.ids.tolist()
    each = [client["after_accuracy"] for client in kept["clients"]]
    np.testing.assert_allclose(each, after.per_client["accuracy"], atol=1e-6)
    assert kept["after_accuracy"] > kept["before_accuracy"] + 0.1
    shown = f"{kept['after_accuracy']:.3f} accuracy over the clients' data, before"
    assert shown in sentence(read_record(folder))
    assert "Fine-tuned accuracy" in (folder / "report.html").read_text()


def test_a_resumed_run_is_fine_tuned_as_it_says_then(file, tmp_path):
    experiment, folder = fw.Experiment.read(file), tmp_path / "run"
    experiment.run(experiment.folder(folder), progress=False)
    first = json.loads((folder / "fine_tuning.json").read_text())
    again = fw.Experiment.read(folder / "experiment.toml", ["fine_tune.last_layer=false"])
    again.run(again.folder(folder), resume=True, progress=False)
    second = json.loads((folder / "fine_tuning.json").read_text())
    assert second["before_loss"] == first["before_loss"]
    assert second["after_loss"] != first["after_loss"]


def test_impossible_fine_tuning_is_refused_before_the_run(file, tmp_path):
    changes = ["fine_tune.optimizer=adam", "fine_tune.momentum=0.9"]
    experiment = fw.Experiment.read(file, changes)
    with pytest.raises(fw.FedwhyError, match="fine_tune.momentum: adam takes no momentum"):
        experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


def test_a_last_layer_that_the_model_does_not_tell_is_refused_before_the_run(file, tmp_path):
    (tmp_path / "flat.py").write_text(
        "import jax.numpy as jnp, optax, fedwhy as fw\n"
        "init = lambda key, x: {'w': jnp.zeros((64, 10))}\n"
        "apply = lambda params, x: x.reshape(len(x), -1) @ params['w']\n"
        "loss = optax.softmax_cross_entropy_with_integer_labels\n"
        "model = lambda: fw.Model.from_functions(init, apply, loss)\n"
    )
    file.write_text(file.read_text().replace('name = "mlp"', 'python = "flat:model"'))
    experiment = fw.Experiment.read(file)
    with pytest.raises(fw.FedwhyError, match=r"fine_tune.last_layer: .*which layers"):
        experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverged_is_not_fine_tuned_and_says_so(file, tmp_path, caplog):
    experiment = fw.Experiment.read(file, ["client.learning_rate=1e30", "train.rounds=9"])
    run = experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    assert run.diverged and "no client is fine-tuned" in caplog.text
    assert not (tmp_path / "run" / "fine_tuning.json").exists()
