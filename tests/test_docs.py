"""The pages of the documentation run as they are written."""

import re

import numpy as np
import optax
import pytest

import fedwhy as fw
from doc_pages import DOCS, PAGES, ROOT, blocks
from fedwhy.aggregators import ATTACKS
from fedwhy.aggregators.catalogue import LINKS, RULES, WRAPPERS
from fedwhy.algorithms import ALGORITHMS, AVERAGES, SERVER_OPTIMIZERS, fedavg
from fedwhy.data import PARTITIONS, SHIFTS
from fedwhy.engine import traffic
from fedwhy.engine.program import enrol
from fedwhy.experiment import tables
from fedwhy.experiment.pieces import Chain
from fedwhy.federated import trees
from fedwhy.models import ZOO
from fedwhy.simulation.samplers import PATTERNS, SAMPLERS
from fedwhy.tracking.toml import dump_value

DEFAULT = re.compile(r"^\| `(\w+\.\w+)` \| (.*?) \|", re.MULTILINE)
# Pages whose examples tests in other files run.
ELSEWHERE = {
    "docs/your_own_data.md": "tests/data/readers/test_own_data_page.py",
    "docs/coming_from_fedjax.md": "tests/test_from_others.py",
    "docs/coming_from_flower.md": "tests/test_from_others.py",
    "docs/coming_from_tff.md": "tests/test_from_others.py",
}
HERE = {"docs/add_an_algorithm.md", "docs/diagnosis.md"}  # and what `after` adds


def after(page: str):
    """The test is given, as `names`, what a page's blocks of Python leave behind."""
    HERE.add(page)
    return pytest.mark.parametrize("names", [page], indirect=True)


@pytest.fixture
def names(request, tmp_path, monkeypatch) -> dict:
    """Runs the blocks of a page one after another, as somebody would who reads it."""
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks(ROOT / request.param, "python"):
        exec(block, names)
    return names


def test_the_worked_algorithm_trains_and_does_what_its_formula_says(quadratics, quadratic_model):
    algorithm_file, usage = blocks(DOCS / "add_an_algorithm.md", "python")
    assert len(algorithm_file.splitlines()) <= 20
    names: dict = {}
    exec(algorithm_file, names)
    local = fw.LocalSGD(optax.sgd(0.05), steps=3, batch_size=1)
    options = {"rounds": 1, "cohort": 4, "progress": False}
    plain = fw.train(fedavg(quadratic_model, local), quadratics, **options)
    decayed = fw.train(
        names["fedavg_decay"](quadratic_model, local, decay=0.1), quadratics, **options
    )
    update = np.asarray(plain.weights.params["w"]) - 10.0
    np.testing.assert_allclose(decayed.weights.params["w"], 0.9 * 10.0 + update, rtol=1e-6)

    exec(usage, names)
    assert names["run"].test_accuracy > 0.5


@after("docs/own_data_and_models.md")
def test_own_data_and_models_train_as_the_page_says(names):
    assert names["same"].clients == 3 and names["dealt"].clients == 10
    assert min(names["run"].test_accuracy, names["flax_run"].test_accuracy) > 0.6
    np.testing.assert_allclose(names["again"], names["logits"], atol=1e-5)


@after("docs/personalisation.md")
def test_own_models_serve_skewed_clients_better_as_the_page_says(names):
    common, own = names["scores"].record("common"), names["own_heads"].history[-1]
    tuned = [names[name].after.record("own") for name in ("tuned", "tuned_heads")]
    for part in ("accuracy", "accuracy_worst_decile"):
        better = [own[f"personal_{part}"], *(record[f"own_{part}"] for record in tuned)]
        assert min(better) > common[f"common_{part}"] + 0.1


@after("docs/partitions.md")
def test_partitions_are_dealt_as_the_page_says(names):
    assert names["clients"].clients == 20 and names["by_camera"].clients == 6
    assert len(names["liars"]) == 5 and names["wrong"].any()
    assert len(names["train"]) + len(names["test"]) == len(names["clients"])
    page = (DOCS / "partitions.md").read_text()
    assert all(f"`{cls.__name__}(" in page for cls in (PARTITIONS | SHIFTS).values())
    assert all(f"| `{name}`" in page for name in PARTITIONS | SHIFTS)


@after("docs/prepare.md")
def test_examples_are_prepared_as_the_page_says(names):
    assert min(names["run"].test_accuracy, names["copied_run"].test_accuracy) > 0.5
    np.testing.assert_allclose(names["again"], names["logits"], atol=1e-4)
    assert names["few"].sizes.max() == 20


@after("docs/analytics.md")
def test_clients_data_are_analysed_as_the_page_says(names):
    assert names["accuracy"] > 0.75 and names["rate"].rounds == 1
    assert names["found"].words == ("maybe", "no", "yes")
    page = (DOCS / "analytics.md").read_text()
    functions = [n for n in fw.analytics.__all__ if n.islower() and n != "from_words"]
    assert all(f"| `{name}` |" in page for name in functions)


@after("docs/time_and_sampling.md")
def test_time_is_simulated_as_the_page_says(names):
    runs = [names[name] for name in ("waiting", "hurried", "buffered")]
    assert all(run.test_accuracy > 0.8 for run in runs)
    waiting, hurried, buffered = (run.history[-1]["simulated_seconds"] for run in runs)
    assert waiting > 5 * hurried > 7 * buffered
    page = (DOCS / "time_and_sampling.md").read_text()
    assert all(f"`{cls.__name__}(" in page for cls in (SAMPLERS | PATTERNS).values())


@after("docs/compression.md")
def test_updates_are_smaller_as_the_page_says(names):
    runs = [names[name] for name in ("whole", "bits", "sparse")]
    assert all(run.test_accuracy > 0.84 for run in runs)
    assert [run.history[-1]["bytes_up"] for run in runs] == [26040, 3480, 1800]
    page = (DOCS / "compression.md").read_text()
    compressing = [n for n, f in (LINKS | WRAPPERS).items() if ".compression." in f.__module__]
    assert all(f"`{name}(" in page for name in compressing)


def test_every_key_of_an_experiment_file_is_listed_with_its_default():
    schemas = [
        *(("data", table) for table in (tables.NamedData, tables.FileData, tables.OwnData)),
        *(("partition", tables.partition_table(name)) for name in PARTITIONS),
        *(("shift", tables.shift_table(name)) for name in SHIFTS),
        *(("attack", tables.attack_table(name)) for name in ATTACKS),
        ("broadcast", Chain),
        ("prepare", tables.Prepare),
        *(("model", table) for table in (tables.KerasModel, tables.OwnModel)),
        *(("model", tables.zoo_table(name)) for name in ZOO),
        *(("algorithm", tables.algorithm_table(name)) for name in ALGORITHMS),
        *(("client", tables.client_table(name)) for name in ALGORITHMS),
        ("augment", tables.Augment),
        *(("server", tables.server_table(a, o)) for a in ALGORITHMS for o in SERVER_OPTIMIZERS),
        *(("server", tables.server_table("fedavg", "sgd", average)) for average in AVERAGES),
        ("train", tables.Train),
        *(("sampler", tables.sampler_table(name)) for name in SAMPLERS),
        *(("availability", tables.availability_table(name)) for name in PATTERNS),
        ("clock", tables.clock_table()),
        ("fine_tune", tables.FineTune),
    ]
    expected: dict[str, set[str]] = {}
    for table, schema in schemas:
        for key, field in schema.model_fields.items():
            unset = "required" if field.is_required() else "unset"
            value = None if field.is_required() else field.default
            text = unset if value is None else f"`{dump_value(value)}`"
            expected.setdefault(f"{table}.{key}", set()).add(text)
    page = (DOCS / "experiment_file.md").read_text()
    listed = DEFAULT.findall(page)
    assert len(listed) == len(expected), "a key is listed twice"
    assert {key: set(re.split(", | or ", text)) for key, text in listed} == {
        # A list of numbers is one default.
        key: {part for text in texts for part in re.split(", | or ", text)}
        for key, texts in expected.items()
    }


def test_algorithms_without_a_server_optimizer_are_those_that_the_page_names():
    page = (DOCS / "experiment_file.md").read_text()
    but = re.search(r"Any `optimizer` steps at the server, but of (.*?), which", page, re.DOTALL)
    without = {name for name in ALGORITHMS if not tables.takes_server(name)}
    assert but and set(re.findall(r"`(\w+)`", but[1])) == without


@after("docs/drift.md")
def test_drift_is_taken_away_as_the_page_says(names):
    assert names["by_fedavg"] == pytest.approx(names["limit"], abs=1e-5)
    assert abs(names["limit"] - names["optimum"]) > 0.5
    assert names["by_scaffold"] == pytest.approx(names["optimum"], abs=1e-5)
    assert names["by_feddyn"] == pytest.approx(names["optimum"], abs=1e-5)


def test_remedies_of_drift_keep_and_send_what_the_page_says(softmax):
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]* \| (\w+) \| (\d) \| (\d) \|",
        (DOCS / "drift.md").read_text(),
        re.MULTILINE,
    )
    weights = softmax.init(None, np.zeros((1, 64)))
    one = trees.size(weights)
    for name, keeps, down, up in rows:
        algorithm = ALGORITHMS[name](softmax, fw.LocalSGD(optax.sgd(0.1)))
        server = algorithm.begin(weights, 10)
        measured = traffic(algorithm, server)
        kept = trees.size(enrol(algorithm, server))
        # Besides, there are single numbers: weights, and distances of optimizers.
        assert [n // (4 * one) for n in measured[:2]] == [int(down), int(up)], name
        assert kept // one == (0 if keeps == "nothing" else int(keeps)), name
    assert len(rows) == 10


@after("docs/privacy.md")
def test_privacy_page_trains_and_tells_its_epsilon(names):
    assert 1 < names["run"].history[-1]["epsilon"] < 10


@after("docs/aggregation.md")
def test_hostile_clients_are_withstood_as_the_page_says(names):
    accuracy = names["accuracy"]
    assert min(accuracy["median"], accuracy["a chain"]) > accuracy["mean"] + 0.5
    np.testing.assert_allclose(names["arrived"].aggregate["bias"], 1.0)
    assert "kernel" in names["arrived"].refused["b"] and "weight" in names["arrived"].refused["c"]
    page = (DOCS / "aggregation.md").read_text()
    robust = [name for name in RULES if ".compression." not in RULES[name].__module__]
    assert all(
        f"`{name}(" in page for name in robust if name not in ("secure_mean", "private_mean")
    )


def test_the_examples_of_the_diagnosis_run_and_name_the_planted_mistake():
    names: dict = {}
    own, brought = blocks(DOCS / "diagnosis.md", "python")
    exec(own, names)
    assert not [f for f in names["diagnosis"].findings if f.severity == "error"]
    exec(brought, names)
    assert names["diagnosis"].findings[0].code == "FW202"


@after("README.md")
def test_the_readme_trains_a_keras_model(names):
    assert names["run"].test_accuracy > 0.75


@after("docs/index.md")
def test_the_first_page_trains_what_its_diagnosis_says(names):
    assert names["run"].test_accuracy == pytest.approx(0.889, abs=0.03)


@after("docs/datasets.md")
def test_datasets_are_loaded_as_the_page_says(names):
    assert names["heart"].train.sizes.tolist() == [199, 172, 30, 85]
    assert names["clients"].clients == 50


def test_every_block_of_python_runs_in_some_test():
    """If this fails, write a test `after` the new page."""
    written = {str(page.relative_to(ROOT)) for page in PAGES if blocks(page, "python")}
    assert written <= HERE | set(ELSEWHERE)
    assert all((ROOT / ELSEWHERE[page]).exists() for page in written & set(ELSEWHERE))
