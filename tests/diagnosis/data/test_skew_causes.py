import numpy as np
import pytest
from data_setups import (
    accuracy,
    clients_of,
    repaired,
    setup,
    suspicion,
    suspicions,
    with_x,
)

import fedwhy as fw
from fedwhy.data.stats import count_labels
from fedwhy.diagnosis import Evidence
from fedwhy.diagnosis.edits.redealing import same_labels, same_sizes


def counts(setup):
    return count_labels(setup.clients.y, setup.clients.offsets, 10)


def test_label_skew_is_noted_and_goes_by_the_counterfactual_alone():
    skewed = setup("label skew")
    probe = suspicion("FW101", skewed).probes[0]
    assert "FW101" not in suspicions(probe.apply(skewed))


def test_label_skew_is_remedied_by_a_server_that_remembers_or_by_correcting_drift():
    skewed = setup("label skew")
    remedies = suspicion("FW101", skewed).prescriptions
    algorithms = [remedy.apply(skewed).algorithm.name for remedy in remedies]
    assert algorithms == ["fedavgm", "fedadam", "scaffold"]
    changes = remedies[2].changes({"algorithm": {"name": "fedavg", "weighting": "examples"}})
    assert [tuple(change) for change in changes] == [("algorithm", "name", "scaffold")]


def test_same_labels_keeps_sizes_and_every_example():
    skewed = setup("label skew")
    after = same_labels().apply(skewed)
    assert (after.clients.sizes == skewed.clients.sizes).all()
    now, then = (np.sort(np.asarray(each.clients.origin)) for each in (after, skewed))
    assert (now == then).all()
    expected = np.outer(skewed.clients.sizes, counts(skewed).sum(0)) / len(skewed.clients)
    assert np.abs(counts(after) - expected).max() < 5


def test_same_sizes_keeps_which_labels_a_client_leans_to():
    ragged = fw.partition(fw.load("digits").train, fw.DirichletByClass(0.5), clients=10, seed=1)
    before = setup(ragged)
    after = same_sizes().apply(before)
    assert np.ptp(after.clients.sizes) <= 1
    assert (counts(after).sum(0) == counts(before).sum(0)).all()
    skews = [Evidence(each).data.label_skew for each in (before, after)]
    assert skews[1] > 0.7 * skews[0]  # pyright: ignore[reportOperatorIssue]


def test_uneven_sizes_are_noted_and_probed_by_even_ones():
    uneven = setup("uneven")
    found = suspicion("FW103", uneven)
    assert found.counterfactual is not None and found.prescription is not None
    assert "FW103" not in suspicions(found.counterfactual.apply(uneven))
    assert found.prescription.apply(uneven).algorithm.name == "fednova"


@pytest.mark.parametrize("name", ["iid", "label skew"])
def test_rotated_clients_look_different_whatever_their_labels(name):
    rotated = fw.shift(clients_of(name), fw.shifts.Rotation(), seed=0)
    found = suspicion("FW104", setup(rotated))
    assert found.counterfactual is not None
    assert "FW104" not in suspicions(found.counterfactual.apply(setup(rotated)))


def test_what_clients_add_and_multiply_by_is_taken_out_again():
    clients = clients_of("label skew")
    rng = np.random.default_rng(0)
    added = rng.normal(0, 2, (clients.clients, *clients.x.shape[1:]))
    factor = rng.uniform(0.5, 2, clients.clients)[clients.owner, None, None, None]
    broken = setup(with_x(clients, lambda x: (x * factor + added[clients.owner]).astype("f4")))
    found = suspicions(broken)
    assert "FW104" in found and "FW106" not in found and "FW108" not in found
    after = repaired("FW104", broken)
    assert accuracy(after) > accuracy(broken) + 0.1
    x, y = after.clients.x, after.clients.y
    apart = [x[y == k].mean(axis=0) - clients.x[y == k].mean(axis=0) for k in range(10)]
    scale = np.corrcoef(x.ravel(), clients.x.ravel())[0, 1]
    assert np.std(np.mean(apart, axis=0)) < 0.2 and scale > 0.9


@pytest.mark.parametrize("angle", [90.0, 180.0])
def test_turned_images_are_turned_back(angle):
    clients = clients_of("label skew")
    turned = fw.shift(clients, fw.shifts.Rotation(angle, clusters=3), seed=0)
    found = suspicion("FW104", setup(turned))
    moved = clients.ids[np.unique(clients.owner[(turned.x != clients.x).any(axis=(1, 2, 3))])]
    assert found.evidence["turned"] == moved.tolist()
    after = repaired("FW104", setup(turned)).clients.x
    assert np.corrcoef(after.ravel(), clients.x.ravel())[0, 1] > 0.95


def test_noise_of_other_strength_at_every_client_is_a_shift():
    noisy = fw.shift(clients_of("iid"), fw.shifts.GaussianNoise(0.3), seed=0)
    assert "FW104" in suspicions(setup(noisy))


@pytest.mark.parametrize("factor", [255.0, 1 / 255])
@pytest.mark.parametrize("name", ["iid", "label skew", "two labels each"])
def test_the_furthest_client_is_the_one_whose_numbers_are_of_another_size(name, factor):
    clients = clients_of(name)
    other = np.where(clients.owner == 3, factor, 1)[:, None, None, None]
    found = suspicion("FW104", setup(with_x(clients, lambda x: (x * other).astype("f4"))))
    assert found.evidence["furthest"] == 3


def test_the_furthest_client_has_most_or_least_noise_where_means_are_alike():
    noisy = fw.shift(clients_of("iid"), fw.shifts.GaussianNoise(0.3), seed=0)
    assert suspicion("FW104", setup(noisy)).evidence["furthest"] in (0, 9)
