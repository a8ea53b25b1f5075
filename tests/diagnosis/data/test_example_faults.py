from dataclasses import replace

import numpy as np
from data_setups import DIGITS, clients_of, repaired, setup, suspicion, suspicions, with_x

import fedwhy as fw
from fedwhy.diagnosis import Severity


def by_label(clients):
    rows = np.lexsort((clients.y, clients.owner))
    return replace(clients, x=clients.x[rows], y=clients.y[rows])


def test_sorted_examples_are_shuffled():
    broken = setup(by_label(clients_of("iid")), shuffle=False)
    assert repaired("FW105", broken).local.shuffle is True
    prescription = suspicion("FW105", broken).prescription
    assert prescription is not None
    assert [tuple(c) for c in prescription.changes({})] == [("client", "shuffle", True)]


def test_sorted_examples_that_are_shuffled_are_no_fault_nor_others_that_are_not():
    assert suspicions(setup(by_label(clients_of("iid")))) == {}
    assert suspicions(setup("iid", shuffle=False)) == {}
    assert "FW105" in suspicions(setup(by_label(clients_of("iid")), shuffle=10))


def test_tiny_clients_are_left_out_where_they_hold_little():
    ids = np.repeat(np.arange(20), [2] * 10 + [100] * 10)
    train = DIGITS.train
    many = fw.FederatedDataset.from_arrays(train.x[:1020], train.y[:1020], ids, classes=10)
    found = suspicion("FW113", setup(many))
    assert found.severity == Severity.note
    assert repaired("FW113", setup(many)).clients.clients == 10


def test_more_tiny_clients_take_part_where_they_hold_most():
    ids = np.arange(600) // 3
    train = DIGITS.train
    tiny = fw.FederatedDataset.from_arrays(train.x[:600], train.y[:600], ids, classes=10)
    prescription = suspicion("FW113", setup(tiny)).prescription
    assert prescription is not None
    assert prescription.apply(setup(tiny)).cohort == 50
    assert [tuple(c) for c in prescription.changes({})] == [("train", "cohort", 50)]


def test_clients_of_one_example_explain_classes_and_looks_that_are_missing():
    found = suspicions(setup(clients_of("iid").take(1)))
    assert found["FW113"].severity == Severity.warning
    assert found["FW113"].confidence >= 0.9
    assert found.keys() & {"FW102", "FW108"} == set()


def test_batches_that_most_clients_do_not_fill():
    broken = setup("small clients", batch_size=20, drop_last=True)
    found = suspicion("FW114", broken)
    assert found.severity == Severity.error and found.evidence["dropped"] == 1.0
    after = repaired("FW114", broken).local
    assert (after.batch_size, after.drop_last) == (1, False)
    assert "FW114" not in suspicions(setup("iid", drop_last=True))


def test_copies_at_other_clients_are_left_out():
    clients = clients_of("iid")
    x, y = (np.concatenate([a, a[:300]]) for a in (clients.x, clients.y))
    owner = np.concatenate([clients.owner, np.full(300, 10)])
    broken = setup(fw.FederatedDataset.from_arrays(x, y, owner, classes=10))
    assert suspicion("FW115", broken).evidence["copies"] == 300
    assert len(repaired("FW115", broken).clients) == len(clients)


def test_test_examples_leave_the_training_data():
    train, test = DIGITS.train, DIGITS.test
    x, y = np.concatenate([train.x, test.x[:90]]), np.concatenate([train.y, test.y[:90]])
    owner = np.arange(len(y)) % 10
    broken = setup(fw.FederatedDataset.from_arrays(x, y, owner, classes=10))
    assert suspicion("FW116", broken).evidence["share_of_test"] == 0.25
    assert len(repaired("FW116", broken).clients) == len(train)


def test_inputs_so_coarse_that_they_meet_by_chance_are_no_copies():
    def coarse(x):
        return (x > 0.5) * (np.arange(x[0].size).reshape(x.shape[1:]) < 20)

    found = suspicions(
        setup(with_x(clients_of("iid"), coarse), with_x(DIGITS.test, coarse)),
    )
    assert found.keys() & {"FW115", "FW116", "FW117"} == {"FW117"}
