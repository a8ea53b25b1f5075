"""The quick part of the zoo: the diagnosis names what was planted, and nothing in healthy runs."""

import pytest
from fault_zoo.plan import quick
from fault_zoo.run import diagnosed

from fault_zoo import score

BUDGET = 60.0  # seconds
QUICK = quick()


@pytest.mark.parametrize("instance", [i for i in QUICK if i.faults], ids=lambda i: i.id)
def test_a_planted_cause_is_among_the_first_three(instance):
    row = diagnosed(instance, BUDGET)
    assert score.hit(instance, row, 3), score.named(row)


@pytest.mark.parametrize("instance", [i for i in QUICK if not i.faults], ids=lambda i: i.id)
def test_a_healthy_run_raises_no_alarm(instance):
    assert score.severities(diagnosed(instance, BUDGET)) <= {"note"}
