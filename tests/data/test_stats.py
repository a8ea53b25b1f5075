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
    assert list(stats.skew) == ["target_distance"]


def test_features_are_read_only_when_asked_for():
    data = FederatedDataset.from_clients({"a": (np.eye(2), [0, 1])}, classes=2)
    assert "mean_shift" in data.stats(features=True).skew
    object.__setattr__(data, "x", None)
    assert "mean_shift" not in data.stats().skew


def test_ignored_labels_leave_shares_whole():
    clients = {"a": (np.zeros(3), [0, -1, -1]), "b": (np.zeros(1), [0])}
    stats = FederatedDataset.from_clients(clients, classes=2).stats(ignored_class=-1)
    assert stats.label_skew == 0


@pytest.mark.parametrize(
    ("sizes", "edges", "clients"),
    [
        ([5, 5, 5], [5, 6], [3]),
        ([3, 5, 4, 5], [3, 4, 5, 6], [1, 1, 2]),
        ([30, 89, 31], [30 + 6 * i for i in range(11)], [2, *[0] * 8, 1]),
    ],
)
def test_histogram_of_sizes(sizes, edges, clients):
    stats = stats_of({str(i): [0] * size for i, size in enumerate(sizes)})
    assert stats.size_histogram() == {"edges": edges, "clients": clients}


def test_very_different_sizes_share_widening_bins():
    stats = stats_of({str(i): [0] * size for i, size in enumerate([1, 2, 10, 1000])})
    histogram = stats.size_histogram()
    widths = np.diff(histogram["edges"])
    assert (histogram["edges"][0], histogram["edges"][-1]) == (1, 1001)
    assert widths[0] == 1 and widths[-1] > 100 and (widths > 0).all()
    assert sum(histogram["clients"]) == 4


def test_to_dict_is_plain_json():
    table = stats_of({3: [0], 5: [1, 1]}, classes=2).to_dict()
    assert json.loads(json.dumps(table)) == table
    assert table["clients"] == ["3", "5"]
    assert table["sizes"] == [1, 2]
    assert table["label_counts"] == [[1, 0], [0, 2]]
    assert table["examples"] == 3


def test_of_many_clients_a_sample_is_listed(monkeypatch):
    monkeypatch.setattr("fedwhy.data.stats.LISTED", 3)
    labels = {str(i): [i % 2] * size for i, size in enumerate([4, 9, 1, 5, 7])}
    table = stats_of(labels, classes=2).to_dict()
    assert table["clients"] == ["1", "2", "3"]  # The largest, the smallest, and the middle one.
    assert table["sizes"] == [9, 1, 5]
    assert table["label_counts"] == [[0, 9], [1, 0], [0, 5]]
    assert len(table["skew"]["label_entropy"]["clients"]) == 3
    assert table["population"] == {"clients": 5, "examples": 26, "label_counts": [12, 14]}
    assert table["smallest"] == 1 and sum(table["size_histogram"]["clients"]) == 5


def test_summaries_leave_out_clients_of_which_nothing_is_known():
    clients = {"a": (np.array([[0.0], [2.0]]), [0, 1]), "b": (np.array([[1.0]]), [0])}
    stats = FederatedDataset.from_clients(clients, classes=2).stats(features=True)
    table = stats.to_dict()["skew"]["variance_shift"]
    assert table["clients"] == [pytest.approx(1.0), None]
    assert table["mean"] == table["greatest"] == pytest.approx(1.0)


def test_text_is_readable():
    assert str(stats_of({"a": [0], "b": [1, 1]}, classes=2)).splitlines() == [
        "data: 3 examples, 2 clients",
        "examples per client  1 to 2, median 1.5, Gini 0.17",
        "effective clients    1.8 of 2 (so many of equal size would be as even)",
        "classes per client   1.0 of 2 in the mean",
        "",
        "each client against the population            mean     least    median  greatest",
        "label entropy (bits)                         0.000     0.000     0.000     0.000",
        "label distance, Jensen-Shannon (0 to 1)      0.557     0.437     0.557     0.678",
        "label distance, earth mover's (0 to 1)       0.500     0.333     0.500     0.667",
    ]


def test_labels_out_of_range_are_refused_rather_than_counted_for_another_client():
    with pytest.raises(DataError, match="client 'a', example 0: label 2"):
        stats_of({"a": [2], "b": [1]}, classes=2)
