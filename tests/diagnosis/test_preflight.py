"""A run that cannot work is refused before its first round."""

from dataclasses import replace

import optax
import pytest

import fedwhy as fw
from fedwhy.diagnosis import Setup
from fedwhy.diagnosis.preflight import Preflight
from fedwhy.errors import PreflightError

DIGITS = fw.load("digits")
CLIENTS = fw.partition(DIGITS.train, fw.IID(), clients=5, seed=0)


def setup(shift: int) -> Setup:
    """Softmax regression; the clients' classes are counted from `shift`."""
    clients = replace(CLIENTS, y=CLIENTS.y + shift, classes=11)
    model = fw.Model.from_zoo("softmax", classes=11)
    algorithm = fw.fedavg(model, fw.LocalSGD(optax.sgd(0.5)))
    test = replace(DIGITS.test, classes=11)
    return Setup(algorithm, clients, rounds=1, cohort=5, test=test)


def test_labels_that_are_not_the_test_sets_stop_a_run_before_its_first_round():
    shifted = setup(1)
    with pytest.raises(PreflightError, match="FW110: Labels are shifted by one"):
        shifted.train(1, 0, callbacks=[Preflight(shifted)])


def test_a_sound_run_is_left_alone():
    sound = setup(0)
    assert sound.train(1, 0, callbacks=[Preflight(sound)]).rounds == 1
