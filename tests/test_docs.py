"""The pages of the documentation run as they are written."""

import re
from pathlib import Path

import numpy as np
import optax

import fedwhy as fw
from fedwhy.algorithms import fedavg

DOCS = Path(__file__).parent.parent / "docs"


def code_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_the_worked_algorithm_trains_and_does_what_its_formula_says(quadratics, quadratic_model):
    algorithm_file, usage = code_blocks("add_an_algorithm.md")
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
