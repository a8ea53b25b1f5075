from dataclasses import replace

import numpy as np
import pytest
from data_setups import DIGITS, accuracy, clients_of, repaired, setup, suspicion, suspicions, with_x

import fedwhy as fw
from fedwhy.diagnosis import Severity


def table(clients: int = 10, seed: int = 0):
    """Two classes told apart by columns of very different units."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 400).astype(np.int32)
    x = rng.normal(size=(400, 4)) + y[:, None]
    x = (x * [1, 100, 0.01, 10] + [50, 2000, 0, -10]).astype(np.float32)
    return fw.FederatedDataset.from_arrays(x, y, np.arange(400) % clients, classes=2)


@pytest.mark.parametrize(("factor", "key"), [(255.0, 255.0), (1 / 255, 1 / 255)])
def test_unscaled_inputs_are_scaled(factor, key):
    clients, test = (with_x(d, lambda x: x * factor) for d in (clients_of("iid"), DIGITS.test))
    broken = setup(clients, test)
    prescription = suspicion("FW106", broken).prescription
    assert prescription is not None
    assert [tuple(c) for c in prescription.changes({})] == [("prepare", "scale", key)]
    np.testing.assert_allclose(repaired("FW106", broken).clients.x, clients_of("iid").x, rtol=1e-5)


def test_bytes_that_a_preparation_scales_are_no_fault():
    clients, test = (
        with_x(d, lambda x: (x * 255).astype(np.uint8)) for d in (clients_of("iid"), DIGITS.test)
    )
    model = fw.Model.from_zoo("softmax")
    assert "FW106" in suspicions(setup(clients, test, model))
    prepared = model.prepared(fw.Preparation(fw.prepare.Scale(255)))
    assert suspicions(setup(clients, test, prepared)) == {}


def test_inputs_scaled_twice_lose_the_key_that_scales_them_again():
    model = fw.Model.from_zoo("softmax").prepared(fw.Preparation(fw.prepare.Scale(255)))
    prescription = suspicion("FW106", setup("iid", model=model)).prescription
    assert prescription is not None
    changes = prescription.changes({"prepare": {"scale": 255.0}})
    assert [tuple(c) for c in changes] == [("prepare", "scale", None)]


def test_columns_of_unlike_units_are_standardised():
    broken = setup(table(), None, fw.Model.from_zoo("softmax", classes=2))
    prescription = suspicion("FW106", broken).prescription
    assert prescription is not None
    assert [tuple(c) for c in prescription.changes({})] == [("prepare", "standardise", True)]
    np.testing.assert_allclose(repaired("FW106", broken).clients.x.std(axis=0), 1, rtol=1e-4)


def by_itself(x, per_feature):
    axis = 0 if per_feature else None
    spread = x.std(axis=axis, keepdims=True)
    return (x - x.mean(axis=axis, keepdims=True)) / np.where(spread > 0, spread, 1)


@pytest.mark.parametrize("per_feature", [True, False])
def test_clients_that_standardise_by_themselves_are_found(per_feature):
    clients = clients_of("label skew")
    x = np.concatenate([by_itself(clients.client(id).x, per_feature) for id in clients.ids])
    test = with_x(DIGITS.test, lambda x: by_itself(x, per_feature))
    found = suspicion("FW107", setup(replace(clients, x=x), test))
    assert found.severity == Severity.warning and found.confidence >= 0.9


def test_clients_that_standardise_by_the_same_numbers_are_not():
    clients = clients_of("label skew")
    x = by_itself(clients.x, True)
    assert "FW107" not in suspicions(setup(replace(clients, x=x), None))


def test_inputs_standardised_per_client_are_aligned_by_the_labels_that_clients_share():
    clients = clients_of("label skew")
    x = np.concatenate([by_itself(clients.client(id).x, True) for id in clients.ids])
    whole = by_itself(clients.x, True)
    broken = setup(replace(clients, x=x), with_x(DIGITS.test, lambda x: by_itself(x, True)))
    after = repaired("FW107", broken)
    assert np.square(after.clients.x - whole).mean() < 0.5 * np.square(x - whole).mean()
    assert accuracy(after) > accuracy(broken) + 0.03


@pytest.mark.parametrize(
    "prepared",
    [
        lambda x: x * 255,
        lambda x: x / 255,
        lambda x: (x - 0.3) / 0.37,
        lambda x: 1 - x,
        lambda x: x.swapaxes(1, 2),
        lambda x: x[:, ::-1],
    ],
)
def test_a_test_set_prepared_otherwise_is_prepared_alike(prepared):
    broken = setup("iid", with_x(DIGITS.test, prepared))
    after = repaired("FW108", broken)
    assert np.corrcoef(after.test.x.ravel(), DIGITS.test.x.ravel())[0, 1] > 0.99
    assert np.abs(after.test.x - DIGITS.test.x).mean() < 0.05


def test_a_test_set_left_raw_is_standardised_as_the_clients_are():
    clients = with_x(clients_of("iid"), lambda x: by_itself(x, True).astype(np.float32))
    broken = setup(clients, with_x(DIGITS.test, lambda x: x * 16))
    assert accuracy(repaired("FW108", broken)) > accuracy(broken) + 0.1


def test_constant_inputs_tell_nothing():
    found = suspicion("FW117", setup(with_x(clients_of("iid"), np.zeros_like), None))
    assert found.severity == Severity.error


def test_a_client_with_a_dead_sensor_is_left_out():
    clients = clients_of("iid")
    x = clients.x.copy()
    x[clients.owner == 3] = 0.5
    broken = setup(replace(clients, x=x))
    assert clients.ids[3] not in repaired("FW117", broken).clients.ids


@pytest.mark.parametrize(("columns", "severity"), [(6, Severity.note), (36, Severity.warning)])
def test_columns_that_never_vary(columns, severity):
    x = np.concatenate([table().x, np.ones((400, columns), np.float32)], axis=1)
    broken = setup(replace(table(), x=x), None, fw.Model.from_zoo("softmax", classes=2))
    assert suspicion("FW117", broken).severity == severity


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_examples_that_are_not_finite_are_left_out(value):
    clients, test = clients_of("iid"), DIGITS.test
    x, of_test = clients.x.copy(), test.x.copy()
    x[[0, 700], 3, 3], of_test[4, 0, 0] = value, value
    broken = setup(replace(clients, x=x), replace(test, x=of_test))
    found = suspicion("FW118", broken)
    assert found.severity == Severity.error
    assert (found.evidence["examples"], found.evidence["test_examples"]) == (2, 1)
    after = repaired("FW118", broken)
    assert (len(after.clients), len(after.test)) == (len(clients) - 2, len(test) - 1)
    assert suspicions(broken).keys() == {"FW118"}
