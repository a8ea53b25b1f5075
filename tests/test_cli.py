"""The command line, run as a user runs it."""

import json
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

import fedwhy as fw
from fedwhy.aggregators import ATTACKS
from fedwhy.algorithms import ALGORITHMS
from fedwhy.cli import main
from fedwhy.experiment import Experiment
from fedwhy.privacy import Plan
from fedwhy.simulation.ledger import ledger

QUICK = ("train.rounds=2", "model.name=softmax")


class Result(NamedTuple):
    stdout: str
    stderr: str


@pytest.fixture
def fedwhy(tmp_path, monkeypatch, capsys):
    """The command in this process, started in an empty folder; checks its exit status."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, code=0):
        monkeypatch.delitem(sys.modules, "own", raising=False)
        monkeypatch.setattr(sys, "argv", ["fedwhy", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        result = Result(*capsys.readouterr())
        assert (exit.value.code or 0) == code, result.stderr
        assert "Traceback" not in result.stderr
        return result

    return command


def sets(*changes):
    return [part for change in changes for part in ("--set", change)]


def test_run_prints_one_json_object_and_fills_a_run_folder(fedwhy, tmp_path):
    result = fedwhy("run", "--json", *sets(*QUICK))
    summary = json.loads(result.stdout)
    assert summary.keys() >= {
        *("run", "algorithm", "dataset", "rounds", "clients", "cohort", "seed"),
        *("test_accuracy", "test_loss", "best_test_accuracy", "seconds_per_round"),
    }
    assert (summary["algorithm"], summary["clients"], summary["cohort"]) == ("fedavg", 50, 10)
    folder = tmp_path / summary["run"]
    assert {p.name for p in folder.iterdir()} == {
        *("experiment.toml", "environment.json", "metrics.jsonl", "partition.json"),
        *("checkpoints", "summary.json", "model.safetensors", "model.keras", "report.html"),
    }
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3

    again = fedwhy("run", folder / "experiment.toml", "--json")
    assert json.loads(again.stdout)["test_loss"] == summary["test_loss"]
    assert "test accuracy" in fedwhy("report", folder).stdout
    compared = fedwhy("compare", folder, folder, "--json")
    assert [r["rounds"] for r in json.loads(compared.stdout)["runs"]] == [2, 2]
    assert (tmp_path / "comparison.html").exists()


def test_resume_goes_on_to_more_rounds(fedwhy, tmp_path):
    fedwhy("run", *sets(*QUICK), "--out", "r")
    result = fedwhy("run", "--json", "--resume", "r", *sets("train.rounds=4"))
    assert json.loads(result.stdout)["rounds"] == 4
    whole = fedwhy("run", "--json", *sets(*QUICK, "train.rounds=4"))
    assert json.loads(whole.stdout)["test_loss"] == json.loads(result.stdout)["test_loss"]


def test_run_folder_in_use_is_left_alone(fedwhy, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    result = fedwhy("run", *sets(*QUICK), "--out", "mine", code=2)
    assert "mine is not empty" in result.stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["notes.txt"]


def test_partition_reports_who_holds_what(fedwhy, tmp_path):
    result = fedwhy("partition", "--json", *sets("partition.clients=7"))
    stats = json.loads(result.stdout)
    assert len(stats["clients"]) == 7
    assert sum(map(sum, stats["label_counts"])) == sum(stats["sizes"]) == 1437
    assert {"effective_clients", "size_gini", "label_skew"} <= stats.keys()
    assert {"jensen_shannon_distance", "mean_shift", "variance_shift"} <= stats["skew"].keys()
    assert (tmp_path / "partition.html").exists()


def test_partition_draws_a_picture(fedwhy, tmp_path):
    pytest.importorskip("matplotlib")
    result = fedwhy("partition", "--png", "who.png", *sets("partition.clients=7"))
    assert "label distance, Jensen-Shannon" in result.stdout
    assert "feature mean shift" in result.stdout
    assert "who.png" in result.stdout
    assert (tmp_path / "who.png").read_bytes().startswith(b"\x89PNG")
    assert "ends in .png" in fedwhy("partition", "--png", "who.jpg", code=2).stderr
    assert "--png: there is no folder" in fedwhy("partition", "--png", "no/a.png", code=2).stderr


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("algorithms", " ".join(ALGORITHMS)),
        ("models", "linear softmax mlp cnn emnist_cnn lenet mobilenet"),
        (
            "datasets",
            "digits heart-disease mnist fashion-mnist emnist femnist cifar10 cifar100 shakespeare "
            "stackoverflow",
        ),
        (
            "partitions",
            "iid dirichlet dirichlet_by_class shards labels clusters quantity lognormal time",
        ),
        ("shifts", "noise rotation labels label_flip backdoor"),
        ("attacks", " ".join(ATTACKS)),
    ],
)
def test_list(fedwhy, tmp_path, kind, names):
    listed = json.loads(fedwhy("list", kind, "--json").stdout)[kind]
    assert [e["name"] for e in listed] == names.split()
    assert all(e["summary"] for e in listed)
    assert names.split()[0] in fedwhy("list", kind).stdout


OWN = """
import numpy as np
import fedwhy as fw

def keras_model():
    import keras
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10)])

def plain_model():
    return fw.Model.from_zoo("softmax", classes=10)

def data():
    digits = fw.load("digits")
    owner = np.arange(len(digits.train.y)) % 6
    clients = fw.FederatedDataset.from_arrays(digits.train.x, digits.train.y, owner, classes=10)
    return clients, digits.test

def central():
    return fw.load("digits")

def nan():
    digits = fw.load("digits")
    x = digits.train.x.copy()
    x[7] = np.nan
    return fw.FederatedDataset.from_arrays(x, digits.train.y, np.arange(len(x)) % 6, classes=10)

def labels():
    digits = fw.load("digits")
    owner = np.arange(len(digits.train.y)) % 6
    return fw.FederatedDataset.from_arrays(digits.train.x, digits.train.y + 1, owner, classes=10)

def empty():
    digits = fw.load("digits")
    offsets = np.array([0, 700, 700, 1437])
    ids = np.array(["a", "b", "c"])
    return fw.FederatedDataset(digits.train.x, digits.train.y, offsets, ids, classes=10)

def missing_file():
    return np.load("nowhere.npz")

def arrays():
    digits = fw.load("digits")
    return digits.train.x, digits.train.y, digits.test.x, digits.test.y

def nothing():
    print("hello from the user's module")

def leave():
    raise SystemExit(1)

def probabilities():
    import keras
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
"""


@pytest.mark.parametrize(
    "tables",
    [
        '[model]\nkeras = "own:keras_model"',
        '[model]\npython = "own:plain_model"\n[data]\npython = "own:data"',
        '[data]\npython = "own:central"\n[partition]\nname = "shards"\nclients = 20',
        '[partition]\nname = "clusters"\nclusters = 3\n[shift]\nname = "labels"\nrate = 0.3',
        '[algorithm]\nname = "fedprox"\nmu = 0.1\n[server]\noptimizer = "adam"\ntau = 0.01',
        '[algorithm]\nname = "fedyogi"\n[server]\ntau = 0.01\n[client]\nsteps = 3',
        '[algorithm]\nname = "fedsgd"\n[client]\nbatch_size = 50\n[server]\nlearning_rate = 0.5',
        '[algorithm]\nweighting = "capped"\ncap = 30\n[server]\naveraging = "swa"\nstart = 2',
    ],
)
def test_experiment_files_run_and_resolve_to_files_that_run(fedwhy, tmp_path, tables):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "my.toml").write_text(f"{tables}\n[train]\nrounds = 1\ncohort = 0.5\n")
    first = json.loads(fedwhy("run", "my.toml", "--json").stdout)
    resolved = tmp_path / first["run"] / "experiment.toml"
    again = fedwhy("run", resolved, "--json")
    assert json.loads(again.stdout)["test_loss"] == first["test_loss"]
    assert tomllib.loads(resolved.read_text())["train"]["cohort"] == 0.5


def test_run_prepares_and_augments_as_its_file_says(fedwhy, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "my.toml").write_text(
        '[data]\npython = "own:data"\n'
        "[prepare]\nresize = [6, 6]\nscale = 2\nstandardise = true\none_hot = true\n"
        '[model]\nkeras = "own:keras_model"\nloss = "categorical_crossentropy"\n'
        "[augment]\ncrop = 1\nflip = true\n"
        '[train]\nrounds = 1\ncohort = 3\ndevices = 1\nlanes = 1\nlowering = "off"\n'
    )
    first = json.loads(fedwhy("run", "my.toml", "--json").stdout)
    folder = tmp_path / first["run"]
    stored = json.loads((folder / "preparation.json").read_text())
    resize, scale, standardise, one_hot = stored["steps"]
    assert (resize["height"], scale["by"], one_hot["classes"]) == (6, 2.0, 10)
    assert len(standardise["mean"]) == 6
    settings = tomllib.loads((folder / "experiment.toml").read_text())
    assert settings["prepare"]["standardise"] is True
    assert settings["augment"] == {"crop": 1, "flip": True}
    again = json.loads(fedwhy("run", folder / "experiment.toml", "--json").stdout)
    assert again["test_loss"] == first["test_loss"]


BAD = {
    "unknown key": (
        "[client]\nepochs = 2\nlearning_rat = 0.1",
        r'bad.toml:3: client.learning_rat: unknown key; did you mean "learning_rate"?',
    ),
    "misspelt algorithm": (
        '[algorithm]\nname = "fedpox"',
        "bad.toml:2: algorithm.name: unknown value 'fedpox'; did you mean \"fedprox\"?",
    ),
    "negative learning rate": (
        "[client]\nlearning_rate = -0.1",
        "bad.toml:2: client.learning_rate: expected a finite number > 0, given -0.1",
    ),
    "cohort larger than the population": (
        "[partition]\nclients = 5\n[train]\ncohort = 6",
        "bad.toml:4: train.cohort: 6 clients a round, but the population has 5",
    ),
    "zero rounds": (
        "[train]\nrounds = 0",
        "bad.toml:2: train.rounds: expected a whole number of at least 1, given 0",
    ),
    "outputs that do not match the classes": (
        '[model]\nname = "mlp"\nclasses = 7',
        "bad.toml:2: model.name: the model has 7 outputs, but 'digits' has 10 classes",
    ),
    "labels out of range": ('[data]\npython = "own:labels"\n[train]\ncohort = 2', "label 10"),
    "an empty client": (
        '[data]\npython = "own:empty"\n[train]\ncohort = 2',
        "client 'b' holds no examples",
    ),
    "a missing file": ('[data]\npython = "own:missing_file"\n[train]\ncohort = 2', "nowhere.npz"),
    "a NaN in the data": ('[data]\npython = "own:nan"\n[train]\ncohort = 2', "client 1"),
    "a wrong type": (
        '[client]\nbatch_size = "ten"',
        "bad.toml:2: client.batch_size: expected a whole number, given 'ten'",
    ),
    "an unknown table": (
        "[clients]\nepochs = 1",
        "bad.toml:1: clients: unknown table; did you mean",
    ),
    "no TOML": ("[client\nepochs = 1", "bad.toml: is not valid TOML"),
    "a server key of another algorithm": (
        '[algorithm]\nname = "fedavgm"\n[server]\ntau = 0.1',
        "bad.toml:4: server.tau: unknown key",
    ),
    "a parameter out of range": (
        '[algorithm]\nname = "fedprox"\nmu = -1.0',
        "bad.toml:3: algorithm.mu: expected a finite number >= 0, given -1.0",
    ),
    "a cap that nothing asks for": (
        "[algorithm]\ncap = 30",
        'bad.toml:2: algorithm.cap: is for weighting = "capped"',
    ),
    "no cap": (
        '[algorithm]\nweighting = "capped"',
        "bad.toml:1: algorithm.cap: expected the most examples",
    ),
    "an unknown average": (
        '[server]\naveraging = "emma"',
        "bad.toml:2: server.averaging: unknown value 'emma'; did you mean \"ema\"?",
    ),
    "a key of another average": (
        '[server]\naveraging = "ema"\nstart = 3',
        "bad.toml:3: server.start: unknown key",
    ),
    "an average of nothing": (
        '[server]\naveraging = "swa"\nevery = 0',
        "bad.toml:3: server.every: expected a whole number of at least 1, given 0",
    ),
    "a learning rate with crossed bounds": (
        "[client]\nrate_reference = 10\nrate_least = 3.0",
        "bad.toml:3: client.rate_least: expected at most `most`, 2.0, given 3.0",
    ),
    "a learning rate that grows with rounds": (
        "[client]\nrate_decay = 1.5",
        "bad.toml:2: client.rate_decay: expected a finite number > 0 and <= 1, given 1.5",
    ),
    "personal parameters that are not there": (
        '[client]\npersonal = ["nothing/*"]',
        "bad.toml:2: client.personal: 'nothing/*' takes none of the model's parameters",
    ),
    "both epochs and steps": (
        "[client]\nepochs = 1\nsteps = 2",
        "bad.toml:3: client.steps: give either client.epochs or client.steps",
    ),
    "two models": (
        '[model]\nname = "mlp"\nkeras = "own:keras_model"',
        "bad.toml:3: model.keras: give either model.name or model.keras",
    ),
    "a function that returns no model": (
        '[model]\nkeras = "own:nothing"',
        "bad.toml:2: model.keras: build() must return a keras.Model, but returned NoneType",
    ),
    "images that are too small": (
        '[model]\nname = "lenet"',
        "bad.toml:2: model.name: lenet needs images of at least 16x16",
    ),
    "arrays instead of a dataset": (
        '[data]\npython = "own:arrays"\n[train]\ncohort = 2',
        "given a tuple of 4 (ndarray, ndarray, ndarray, ndarray)",
    ),
    "a module that exits": (
        '[data]\npython = "own:leave"\n[train]\ncohort = 2',
        "bad.toml:2: data.python: own:leave failed at",
    ),
    "an unknown module": ('[model]\nkeras = "nothing:build"', "bad.toml:2: model.keras: "),
    "a shift by an impossible share": (
        '[data]\npython = "own:data"\n[shift]\nname = "labels"\nrate = 30.0\n[train]\ncohort = 2',
        "bad.toml:5: shift.rate: expected a finite number >= 0 and <= 1, given 30.0",
    ),
    "an array in a file": (
        '[partition]\nname = "time"\ntimes = [1, 2]',
        "bad.toml:3: partition.times: unknown key",
    ),
    "no scale": (
        "[prepare]\nscale = 0",
        "bad.toml:2: prepare.scale: expected a finite number > 0, given 0",
    ),
    "half a size": (
        "[prepare]\nresize = [32]",
        "bad.toml:2: prepare.resize: expected [height, width], given [32]",
    ),
    "an unknown way to standardise": (
        '[prepare]\nstandardise = "row"',
        "bad.toml:2: prepare.standardise: unknown value 'row'",
    ),
    "a loss that takes no one-hot labels": (
        '[model]\nname = "softmax"\n[prepare]\none_hot = true',
        "bad.toml:2: model.name: the model does not take the examples of 'digits'",
    ),
    "augmentation without local training": (
        '[algorithm]\nname = "fedsgd"\n[augment]\nflip = true',
        "bad.toml:3: augment: this algorithm takes no augmentation",
    ),
    "a crop of nothing": (
        "[augment]\ncrop = 0",
        "bad.toml:2: augment.crop: expected a whole number of at least 1, given 0",
    ),
    "more clients than examples": (
        "[partition]\nclients = 5000",
        "bad.toml:2: partition.clients: ",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_experiment_is_refused_with_one_message_and_no_run_folder(fedwhy, tmp_path, fault):
    tables, message = BAD[fault]
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "bad.toml").write_text(tables)
    result = fedwhy("run", "bad.toml", "--json", code=2)
    assert message in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "runs").exists()


def test_missing_experiment_file_and_bad_set(fedwhy, tmp_path):
    assert "none.toml: cannot be read" in fedwhy("run", "none.toml", code=2).stderr
    result = fedwhy("run", "--set", "client.epoch=1", code=2)
    assert '--set: client.epoch: unknown key; did you mean "epochs"?' in result.stderr


def test_interrupted_run_is_kept_and_resumes(fedwhy, tmp_path):
    import signal

    command = [sys.executable, "-m", "fedwhy", "run", "--json", "--out", "r"]
    process = subprocess.Popen(
        [*command, *sets("train.rounds=100000", "train.evaluate_every=50")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = Path(tmp_path / "r" / "metrics.jsonl")
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 3):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    done = json.loads(stdout)
    assert done["interrupted"]
    assert (tmp_path / "r" / "report.html").exists()
    more = sets(f"train.rounds={done['rounds'] + 2}")
    result = fedwhy("run", "--json", "--resume", "r", *more)
    assert json.loads(result.stdout)["rounds"] == done["rounds"] + 2


def test_changed_name_leaves_behind_the_keys_of_the_old_one(fedwhy, caplog):
    stats = json.loads(fedwhy("partition", "--json", *sets("partition.name=iid")).stdout)
    assert stats["classes_per_client"] > 8
    assert "partition.alpha is left out" in caplog.text


def test_changed_algorithm_leaves_behind_its_client_and_server_keys(fedwhy):
    result = fedwhy("run", "--json", *sets("algorithm.name=fedsgd", "train.rounds=1"))
    assert json.loads(result.stdout)["algorithm"] == "fedsgd"
    result = fedwhy("run", "--json", *sets(*QUICK, "client.steps=3"))
    assert "steps = 3" in Path(json.loads(result.stdout)["run"], "experiment.toml").read_text()


def test_inline_tables_can_be_changed_and_blamed(fedwhy, tmp_path):
    (tmp_path / "my.toml").write_text(
        'model = { name = "mlp", hidden = [32] }\ntrain = { rounds = 1, cohort = 5 }\n'
    )
    fedwhy("run", "my.toml", *sets("model.name=softmax"))
    (tmp_path / "my.toml").write_text("train = { rounds = 0 }\n")
    assert "my.toml:1: train.rounds: " in fedwhy("run", "my.toml", code=2).stderr


def test_resumed_run_finds_the_users_own_modules(fedwhy, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.py").write_text(OWN)
    (tmp_path / "mine" / "my.toml").write_text(
        '[model]\nkeras = "own:keras_model"\n[train]\nrounds = 1\ncohort = 5\n'
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    fedwhy("run", "mine/my.toml", "--out", "elsewhere/r")
    sys.path.remove(str(tmp_path / "mine"))
    result = fedwhy("run", "--json", "--resume", "elsewhere/r", *sets("train.rounds=2"))
    assert json.loads(result.stdout)["rounds"] == 2


def test_alternatives_are_chosen_anew(fedwhy, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "my.toml").write_text(
        '[data]\npython = "own:central"\n[model]\nkeras = "own:keras_model"\n'
        "from_logits = true\n[partition]\nclients = 5\n[train]\nrounds = 1\ncohort = 1\n"
    )
    changes = ("model.name=softmax", "data.name=digits")
    folder = json.loads(fedwhy("run", "my.toml", "--json", *sets(*changes)).stdout)["run"]
    settings = tomllib.loads((tmp_path / folder / "experiment.toml").read_text())
    assert (settings["model"], settings["data"]) == ({"name": "softmax"}, {"name": "digits"})
    fedwhy("run", "my.toml", *sets("model.python=own:plain_model"))


def test_run_from_python_is_left_to_python(fedwhy, softmax, digits):
    import optax

    import fedwhy as fw

    clients = fw.partition(digits.train, fw.IID(), clients=5)
    algorithm = fw.fedavg(softmax, fw.LocalSGD(optax.sgd(0.1)))
    options = {"cohort": 2, "progress": False, "callbacks": [fw.RunFolder("r")]}
    fw.train(algorithm, clients, rounds=1, **options)
    for command in (("--resume", "r"), ("r/experiment.toml",)):
        assert "started from Python" in fedwhy("run", *command, code=2).stderr
    assert fw.train(algorithm, clients, rounds=2, resume="r", **options).rounds == 2
    assert "reached" in fedwhy("report", "r").stdout


def test_json_stands_alone_on_standard_output(fedwhy, tmp_path):
    (tmp_path / "own.py").write_text(OWN + "\nprint('hello from the module')\n")
    (tmp_path / "my.toml").write_text('\ufeff[data]\npython = "own:data"\n')
    changes = sets("train.rounds=1", "train.cohort=2", "model.name=softmax")
    result = fedwhy("run", "my.toml", "--json", *changes)
    assert json.loads(result.stdout)["rounds"] == 1
    assert "hello from the module" in result.stderr


def test_softmax_before_a_loss_of_logits_is_warned_of(fedwhy, tmp_path, caplog):
    (tmp_path / "own.py").write_text(OWN)
    changes = ("model.keras=own:probabilities", "train.rounds=1")
    (tmp_path / "my.toml").write_text("")
    fedwhy("run", "my.toml", *sets(*changes))
    assert "set from_logits to false" in caplog.text
    caplog.clear()
    fedwhy("run", "my.toml", *sets(*changes, "model.from_logits=false"))
    assert caplog.text == ""


def test_page_in_a_wrong_place_is_refused(fedwhy):
    fedwhy("run", *sets(*QUICK), "--out", "r")
    assert "--out: . is a folder" in fedwhy("compare", "r", "r", "--out", ".", code=2).stderr
    result = fedwhy("compare", "r", "r", "--out", "missing/c.html", code=2)
    assert "--out: there is no folder missing for missing/c.html" in result.stderr


def test_resume_with_other_settings_is_refused(fedwhy):
    fedwhy("run", *sets(*QUICK), "--out", "r")
    result = fedwhy("run", "--resume", "r", *sets("client.learning_rate=9.0"), code=2)
    assert "client.learning_rate: the run in r had 0.1, given 9.0" in result.stderr


def test_run_killed_before_its_first_checkpoint_resumes(fedwhy, tmp_path):
    import shutil

    fedwhy("run", *sets(*QUICK), "--out", "r")
    shutil.rmtree(tmp_path / "r" / "checkpoints" / "round-000002")
    assert json.loads(fedwhy("run", "--json", "--resume", "r").stdout)["rounds"] == 2


def test_runs_started_together_take_different_folders(tmp_path):
    command = [sys.executable, "-m", "fedwhy", "run", "--json", *sets(*QUICK)]
    both = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    folders = {json.loads(process.communicate()[0])["run"] for process in both}
    assert len(folders) == 2


def test_page_that_cannot_be_written_is_one_message(fedwhy):
    assert "nowhere" in fedwhy("partition", "--out", "nowhere/p.html", code=2).stderr


def test_patience_without_test_set_is_refused(fedwhy, tmp_path):
    (tmp_path / "own.py").write_text(OWN.replace("return clients, digits.test", "return clients"))
    tables = '[data]\npython = "own:data"\n[train]\npatience = 2\ncohort = 2\n'
    (tmp_path / "my.toml").write_text(tables)
    assert "my.toml:4: train.patience: " in fedwhy("run", "my.toml", code=2).stderr
    assert not (tmp_path / "runs").exists()


def test_diverged_run_says_so_and_exits_with_1(fedwhy):
    hopeless = ("client.learning_rate=1e30", "client.epochs=9", "train.rounds=9")
    result = fedwhy("run", "--json", *sets(*QUICK, *hopeless), code=1)
    assert "Diverged: round 3: in 3 rounds in a row no client" in result.stderr
    assert (json.loads(result.stdout)["rounds"], json.loads(result.stdout)["diverged"]) == (0, True)


@pytest.fixture
def hospitals(tmp_path):
    """Four hospitals' patients as one CSV file, in a folder of its own."""
    from fedwhy.data.sources.heart_disease import FILES, FOLDER

    (tmp_path / "tables").mkdir()
    lines = ["hospital,age,sex,sick"]
    for hospital, file in FILES.items():
        for line in (FOLDER.parent / file.path).read_text().splitlines():
            age, sex, *_, disease = line.split(",")
            lines.append(f"{hospital},{age},{sex},{int(disease) > 0:d}")
    (tmp_path / "tables" / "heart.csv").write_text("\n".join(lines) + "\n")
    return 'path = "tables/heart.csv"\nclient = "hospital"\ny = "sick"\n'


def test_clients_are_read_from_a_table_and_split(fedwhy, tmp_path, hospitals, monkeypatch):
    (tmp_path / "heart.toml").write_text(
        f"[data]\n{hospitals}classes = 2\n[prepare]\nstandardise = true\n"
        '[model]\nname = "softmax"\n[train]\nrounds = 2\n'
    )
    first = json.loads(fedwhy("run", "heart.toml", "--json", "--out", "r").stdout)
    assert (first["clients"], first["cohort"]) == (4, 4)
    shown = json.loads(fedwhy("partition", "heart.toml", "--json").stdout)
    assert shown["clients"] == ["cleveland", "hungarian", "switzerland", "va"]
    assert shown["examples"] == 920 - sum(round(0.2 * n) for n in (303, 294, 123, 200))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resumed = fedwhy("run", "--json", "--resume", "../r", *sets("train.rounds=3"))
    assert json.loads(resumed.stdout)["rounds"] == 3


def test_classes_of_a_table_must_be_told(fedwhy, tmp_path, hospitals):
    (tmp_path / "heart.toml").write_text(f"[data]\n{hospitals}")
    error = fedwhy("run", "heart.toml", code=2).stderr
    assert "data.classes: the data do not say how many classes there are" in error


def test_data_with_clients_take_the_place_of_a_partition(fedwhy, tmp_path, hospitals, caplog):
    result = fedwhy("partition", "--json", *sets("data.name=heart-disease"))
    assert json.loads(result.stdout)["examples"] == 486
    assert "[partition] is left out, since data.name changed" in caplog.text
    changes = sets("data.path=tables/heart.csv", "data.client=hospital", "data.y=sick")
    assert json.loads(fedwhy("partition", "--json", *changes).stdout)["clients"][0] == "cleveland"


def test_privacy_is_planned_before_training(fedwhy):
    pytest.importorskip("dp_accounting")
    asked = ("--population", 1000, "--cohort", 100, "--rounds", 10, "--epsilon", 4)
    plan = json.loads(fedwhy("privacy", *asked, "--delta", 1e-5, "--json").stdout)
    assert 0.6 < plan["noise_multiplier"] < 0.9 and plan["cohort"] == 100
    assert [other["cohort"] for other in plan["others"]] == [25, 50, 200, 400]
    assert (plan["sampler"], plan["delta"], plan["parameters"]) == ("poisson", 1e-5, 1_000_000)
    assert "delta" in fedwhy("privacy", *asked, "--delta", 2, code=2).stderr


@pytest.mark.parametrize(("epsilon", "delta"), [(0.7, ()), (8, ("--delta", 2e-6))])
def test_what_the_plan_says_to_take_keeps_the_promise(fedwhy, tmp_path, epsilon, delta):
    pytest.importorskip("dp_accounting")
    asked = ("--population", 50, "--cohort", 5, "--rounds", 20, "--epsilon", epsilon)
    told = fedwhy("privacy", *asked, *delta, "--parameters", 12_345).stdout
    assert "12,345 parameters" in told
    python, _, rest = told.partition("or in an experiment file:")
    (tmp_path / "plan.toml").write_text(textwrap.dedent(rest[: rest.index("The noise is")]))
    setup = Experiment.read(tmp_path / "plan.toml").setup
    release = setup.algorithm.aggregator.privacy
    assert isinstance(setup.sampler, fw.samplers.Poisson) and release is not None
    assert (setup.cohort, setup.rounds) == (5, 20)
    kept = ledger(setup.algorithm, setup.sampler, None, setup.clients, 5, 20, seed=0)
    assert kept is not None and kept.delta == (delta[1] if delta else 50**-1.1)
    known = {"sampling": kept.sampling, "rounds": 20, "delta": kept.delta}
    spent = fw.privacy.epsilon(release.noise_multiplier, interval=epsilon / 1e4, **known)
    assert 0.999 * epsilon < spent <= epsilon
    recipe, train = (line.strip() for line in python.splitlines() if line.startswith("  "))
    assert eval(recipe, dict(vars(fw.aggregators))).privacy == release
    assert train == "fw.train(..., rounds=20, cohort=5, sampler=fw.samplers.Poisson())"


def test_planned_noise_is_told_rounded_up(fedwhy, monkeypatch):
    monkeypatch.setattr("fedwhy.cli.plan", lambda **_: [Plan(5, 0.557401, 0.1, 1.0)])
    asked = ("--population", 50, "--cohort", 5, "--rounds", 20, "--epsilon", 4)
    assert fedwhy("privacy", *asked).stdout.count("noise_multiplier = 0.55741\n") == 1


def test_diagnose_proves_a_rate_that_is_too_high_and_writes_the_fixed_file(fedwhy, tmp_path):
    file = tmp_path / "hot.toml"
    file.write_text(
        '[partition]\nname = "iid"\nclients = 5\n[model]\nname = "mlp"\n'
        "[client]\nlearning_rate = 5.0\n[train]\nrounds = 5\ncohort = 5\n"
    )
    page = str(tmp_path / "w.html")
    output, _ = fedwhy("diagnose", str(file), "--fix", "--rounds", 4, "--json", "--out", page)
    told = json.loads(output)
    assert told["rounds"] == 4
    assert told["findings"][0]["code"] == "FW301"
    assert told["fixed"]["accuracy_after"] > told["fixed"]["accuracy_before"] + 0.3
    assert (tmp_path / "hot.fixed.toml").exists()
    assert (tmp_path / "w.html").exists()
