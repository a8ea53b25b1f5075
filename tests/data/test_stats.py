"""`Stats`."""

import json

import numpy as np
import pytest

from fedwhy.data import FederatedDataset
from fedwhy.errors import DataError


def stats_of(labels_by_client, classes=None):
    clients = {id: (np.zeros(len(y)), np.array(y)) for id, y in labels_by_client.items()}
    return FederatedDataset.from_clients(clients, classes=classes).stats()


def test_counts_and_sizes():
    stats = stats_of({"a": [0], "b": [2, 2, 1], "c": [0, 1]}, classes=4)
    assert stats.label_counts is not None
    assert stats.label_counts.tolist() == [[1, 0, 0, 0], [0, 1, 2, 0], [1, 1, 0, 0]]
    assert (stats.examples, stats.clients) == (6, 3)
    assert (stats.smallest, stats.median, stats.largest) == (1, 2.0, 3)
    assert stats.classes_per_client == pytest.approx(5 / 3)


def test_label_skew_is_0_for_equal_mixes_and_largest_for_one_label_each():
    assert stats_of({"a": [0, 1], "b": [1, 0, 1, 0]}, classes=2).label_skew == 0
    one_each = {str(k): [k, k] for k in range(10)}
    assert stats_of(one_each, classes=10).label_skew == pytest.approx(0.9)


def test_size_gini_by_its_definition():
    sizes = [1, 2, 2, 7, 30]
    stats = stats_of({str(i): [0] * size for i, size in enumerate(sizes)})
    differences = np.abs(np.subtract.outer(sizes, sizes)).mean()
    assert stats.size_gini == pytest.approx(differences / (2 * np.mean(sizes)))
    assert stats_of({"a": [0], "b": [0]}).size_gini == 0


def test_without_classes_labels_are_not_counted():
    stats = stats_of({"a": [0], "b": [1]})
    assert (stats.label_counts, stats.label_skew, stats.classes_per_client) == (None, None, None)
    assert "label" not in str(stats)


def test_to_dict_is_plain_json():
    table = stats_of({3: [0], 5: [1, 1]}, classes=2).to_dict()
    assert json.loads(json.dumps(table)) == table
    assert table["clients"] == ["3", "5"]
    assert table["sizes"] == [1, 2]
    assert table["label_counts"] == [[1, 0], [0, 2]]
    assert table["examples"] == 3


def test_text_is_readable():
    assert str(stats_of({"a": [0], "b": [1, 1]}, classes=2)).splitlines() == [
        "data: 3 examples, 2 clients",
        "examples per client  1 to 2, median 1.5, Gini 0.17",
        "classes per client   1.0 of 2 in the mean",
        "label skew           0.50 "
        "(total variation distance to the population, mean over clients; 0 is IID)",
    ]


def test_labels_out_of_range_are_refused_rather_than_counted_for_another_client():
    with pytest.raises(DataError, match="client 'a', example 0: label 2"):
        stats_of({"a": [2], "b": [1]}, classes=2)
