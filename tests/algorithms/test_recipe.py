"""An algorithm remembers the call that made it, and can be made again with one thing changed."""

import optax
import pytest

import fedwhy as fw
from fedwhy.algorithms import ALGORITHMS, innermost, remade
from fedwhy.errors import ParameterError

MODEL, CLIENT = fw.Model.from_zoo("softmax"), fw.LocalSGD(optax.sgd(0.1))


def test_every_algorithm_of_the_catalogue_is_recorded():
    assert all(hasattr(function, "__wrapped__") for function in ALGORITHMS.values())


def test_remade_changes_one_argument_within_its_wrappers():
    prox = fw.fedprox(MODEL, CLIENT, mu=0.3)
    wrapped = fw.ema(prox.with_aggregator(fw.aggregators.median()), decay=0.5)
    again = remade(wrapped, mu=0.1)
    assert innermost(again).recipe.arguments["mu"] == 0.1
    assert again.aggregator.name == "median"
    assert again.recipe.arguments["decay"] == 0.5
    assert innermost(again).recipe.arguments["client"] is CLIENT


def test_an_algorithm_by_hand_says_that_it_cannot_be_remade():
    by_hand = fw.fedavg(MODEL, CLIENT)._replace(recipe=None)
    with pytest.raises(ParameterError, match="does not know how it was made"):
        remade(by_hand, server=None)
