"""What holds for every algorithm of the catalogue."""

import inspect
import re
import sys
from pathlib import Path

import pytest

import fedwhy as fw
from fedwhy.algorithms import CATALOGUE

NAMES = [entry.build.__name__ for entry in CATALOGUE]
MOST_LINES = 150

# Models of algorithms that need more than dense layers.
MODELS = dict.fromkeys(("fedbn", "fixbn"), 'keras = "normalised:build"')


@pytest.mark.parametrize("entry", CATALOGUE, ids=NAMES)
def test_algorithm_is_one_short_file_with_its_paper_that_is_exported_and_tested(entry):
    name, module = entry.build.__name__, sys.modules[entry.build.__module__]
    assert len(inspect.getsource(module).splitlines()) <= MOST_LINES
    assert re.search(r"[A-Z]\w+.*(19|20)\d\d", (module.__doc__ or "").split("\n\n")[1], re.S)
    assert getattr(fw, name) is entry.build
    tests = [test.read_text() for test in Path(__file__).parent.glob("test_*.py")]
    assert any(f"fw.{name}(" in test or f'"{name}"' in test for test in tests)


@pytest.mark.parametrize("name", NAMES)
def test_algorithm_runs_from_an_experiment_file(name, tmp_path):
    (tmp_path / "normalised.py").write_text(
        "from keras import Sequential, layers\n"
        "def build():\n"
        "    return Sequential([layers.Flatten(), layers.BatchNormalization(), layers.Dense(10)])\n"
    )
    file = tmp_path / "experiment.toml"
    file.write_text(
        f'[algorithm]\nname = "{name}"\n[model]\n{MODELS.get(name, "hidden = [8]")}\n'
        "[partition]\nclients = 6\n"
        '[train]\nrounds = 2\ncohort = 3\nlanes = 1\ndevices = 1\nlowering = "off"\n'
    )
    experiment = fw.Experiment.read(file)
    run = experiment.run(experiment.folder(tmp_path / "run"), progress=False)
    assert run.rounds == 2
    assert run.stopped is None
