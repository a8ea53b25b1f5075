import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from data_setups import DIGITS, clients_of, setup

import fedwhy as fw
from fedwhy.diagnosis import Evidence
from fedwhy.diagnosis.edits.aligning import aligned
from fedwhy.diagnosis.facts.copies import hashes
from fedwhy.diagnosis.facts.labels import form_of, labels_of
from fedwhy.diagnosis.facts.order import sortedness
from fedwhy.diagnosis.facts.reading import agreement


def facts(*args, **options) -> Any:
    return Evidence(setup(*args, **options)).data


def test_labels_are_counted_whatever_is_wrong_with_them():
    found = labels_of(np.array([0, 2, 9, -1, 1, 1]), np.array([0, 4, 6]), 3)
    assert found.counts.tolist() == [[1, 0, 1], [0, 2, 0]]
    assert found.outside.tolist() == [2, 0]
    assert (found.least, found.greatest) == (-1, 9)
    ignoring = labels_of(np.array([0, 2, 9, -1, 1, 1]), np.array([0, 4, 6]), 3, ignored_class=-1)
    assert ignoring.outside.tolist() == [1, 0]


def test_forms_of_labels():
    assert form_of(np.array([0, 3])) == "class numbers"
    assert form_of(np.eye(3)[[0, 2]]) == "one-hot"
    assert form_of(np.array([0.0, 3.0])) == "floats"
    assert form_of(np.array([0.5, 3.0])) == "numbers"
    assert form_of(np.array([[1, 1], [0, 1]])) == "class numbers"


def test_sortedness_is_one_for_sorted_and_zero_for_random_labels():
    rng = np.random.default_rng(0)
    ends = np.array([0, 5000, 10000, 10003])
    y = np.concatenate([np.sort(rng.integers(0, 5, 5000)), rng.integers(0, 5, 5000), [1, 1, 1]])
    ordered, mixed, single = sortedness(y, ends)
    assert ordered == pytest.approx(1)
    assert mixed == pytest.approx(0, abs=0.05)
    assert np.isnan(single)


def test_label_skew_is_the_total_variation_of_clients_with_one_label_each():
    y = np.repeat(np.arange(4), 2500)
    clients = fw.FederatedDataset.from_arrays(np.ones((10000, 3)), y, y, classes=4)
    found = facts(clients, None, fw.Model.from_zoo("softmax", classes=4))
    # Each client is 3/4 from the others, less what chance has: 4 sqrt(3/16 / (2 pi 2500)).
    assert found.label_skew == pytest.approx(0.75 - 4 * np.sqrt(3 / 16 / (2 * np.pi * 2500)))


def test_equal_examples_have_equal_hashes_and_others_have_not():
    x = DIGITS.train.x
    found = hashes(np.concatenate([x, x[:7] + 0.0]))
    assert len(np.unique(found)) == len(np.unique(x.reshape(len(x), -1), axis=0))
    assert (found[:7] == found[-7:]).all()
    assert (hashes(x.astype(np.float64)) == hashes(x)).all()


def test_shift_is_the_distance_of_means_in_standard_deviations():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20000, 3)).astype(np.float32)
    owner = np.arange(20000) % 4
    x[owner == 0] += 1
    clients = fw.FederatedDataset.from_arrays(x, rng.integers(0, 2, 20000), owner, classes=2)
    found = facts(clients, None, fw.Model.from_zoo("softmax", classes=2)).shift
    # The mean of all is 1/4, their variance 1 + 3/16.
    np.testing.assert_allclose(
        found.mean, np.array([0.75, 0.25, 0.25, 0.25]) / np.sqrt(19 / 16), atol=0.02
    )


def test_labels_alone_shift_nothing():
    found = facts("two labels each").shift
    assert found.mean.max() < 0.1


def test_the_classifier_reads_labels_of_new_examples():
    reading = facts("label skew").reading
    assert agreement(reading.test) > 0.9


def test_what_clients_subtracted_and_divided_by_is_undone_exactly_without_noise():
    # Two labels, whose deviations are alike, at three clients that share them.
    rng = np.random.default_rng(0)
    noise = np.tile(rng.normal(size=(50, 2)), (6, 1))
    owner, y = np.repeat(np.arange(3), 100), np.tile(np.repeat([0, 1], 50), 3)
    x = noise + 5 * y[:, None]
    scaled = (x - owner[:, None]) / (1 + owner[:, None])
    clients = fw.FederatedDataset.from_arrays(scaled, y, owner, classes=2)
    whole = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(aligned(clients).x, whole, atol=1e-4)


def test_facts_of_many_images_are_known_soon():
    x = np.random.default_rng(0).random((60000, 28, 28, 1), np.float32)
    y = np.arange(60000) % 10
    clients = fw.FederatedDataset.from_arrays(x, y, np.arange(60000) // 600, classes=10)
    found = facts(clients, fw.Dataset(x[:10000], y[:10000], classes=10))
    _ = found.description  # Building a model is another matter.
    began = time.process_time()
    _ = found.labels, found.label_skew, found.not_finite, found.order, found.copies
    _ = found.shift, found.test_shift, found.reading
    assert time.process_time() - began < 15  # About 2 s on two quiet cores.


def test_facts_survive_inputs_that_are_no_numbers():
    clients = clients_of("iid")
    x = np.where(clients.x > 0.9, np.nan, clients.x)
    found = facts(replace(clients, x=x))
    assert found.not_finite.sum() > 100
    assert np.isfinite(found.shift.mean).all() and found.reading is not None
