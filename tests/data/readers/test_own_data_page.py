"""docs/your_own_data.md runs as it is written."""

import json
import re
import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pytest
from examples_proto import serialize
from PIL import Image

import fedwhy as fw

PAGE = Path(__file__).parents[3] / "docs" / "your_own_data.md"


@pytest.fixture
def files(tmp_path):
    """The files that the page speaks of."""
    patients = "hospital,age,chol,city,num\nnorth,63,233,Oslo,0\nsouth,37,250.5,Rome,1\n"
    (tmp_path / "patients.csv").write_text(patients)
    for name in ("north", "south"):
        for folder in ("wards", f"sensors/{name}", f"photos/{name}/cat"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "wards" / f"{name}.csv").write_text("age,num\n63,0\n")
        np.save(tmp_path / "sensors" / name / "x.npy", np.zeros((2, 3)))
        np.save(tmp_path / "sensors" / name / "y.npy", np.arange(2))
        Image.new("L", (4, 4)).save(tmp_path / "photos" / name / "cat" / "1.png")
    with h5py.File(tmp_path / "emnist.h5", "w") as file:
        file["examples/ann/pixels"] = np.zeros((2, 28, 28), np.float32)
        file["examples/ann/label"] = np.arange(2)
    with sqlite3.connect(tmp_path / "cifar.sqlite") as database:
        database.execute("CREATE TABLE examples (split_name, client_id, serialized_example_proto)")
        database.execute("CREATE TABLE client_metadata (client_id, split_name, num_examples)")
        example = serialize({"image": ("int64", [1, 2]), "label": ("int64", [0])})
        database.execute("INSERT INTO examples VALUES ('train', 'ann', ?)", (example,))
        database.execute("INSERT INTO client_metadata VALUES ('ann', 'train', 1)")
    database.close()
    (tmp_path / "leaf" / "train").mkdir(parents=True)
    users = {"ann": {"x": [[0.5]], "y": [1]}}
    content = {"users": ["ann"], "num_samples": [1], "user_data": users}
    (tmp_path / "leaf" / "train" / "0.json").write_text(json.dumps(content))
    return tmp_path


def test_the_page_reads_every_kind_of_data(files, shared_data, monkeypatch):
    plays = shared_data / "shakespeare" / "tff_shakespeare_test.h5"
    (files / "shakespeare.h5").symlink_to(plays)
    monkeypatch.chdir(files)
    text = PAGE.read_text()
    assert len(text.splitlines()) <= 120
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    clients = {n: d.clients for n, d in names.items() if isinstance(d, fw.FederatedDataset)}
    assert 600 < clients.pop("plays") < 715
    two = "hospitals wards cities sensors photos writers again".split()
    assert clients == dict.fromkeys(two, 2) | {"emnist": 1, "cifar": 1, "leaf": 1, "devices": 100}
    assert names["cities"].x.tolist() == [[63, 0], [37, 1]]
    assert names["again"].fingerprint == names["hospitals"].fingerprint
