import pytest
from data_setups import HEALTHY, setup, suspicions

from fedwhy.diagnosis import Severity

# What is said of skew alone, without a probe.
NOTES = {"FW101", "FW103", "FW113"}


@pytest.mark.parametrize("model", ["softmax", "mlp"])
@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_found_in_healthy_data_but_notes_on_skew(name, model):
    found = suspicions(setup(name, model=model))
    assert found.keys() <= NOTES
    assert all(suspicion.severity == Severity.note for suspicion in found.values())


def test_nothing_at_all_is_found_in_identically_distributed_data():
    assert suspicions(setup("iid")) == {}
    assert suspicions(setup("little skew")) == {}
    assert suspicions(setup("small clients")) == {}


def test_a_setup_without_test_set_is_looked_at_too():
    assert suspicions(setup("iid", test=None)) == {}
