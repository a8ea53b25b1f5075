"""Setups of ten clients, and what is known of their updates before and after a short run."""

from dataclasses import replace
from functools import cache

import numpy as np
import optax

import fedwhy as fw
from fedwhy.aggregators import Aggregator
from fedwhy.diagnosis import Evidence, Setup
from fedwhy.diagnosis.facts.updates import Examination, beginning

DIGITS = fw.load("digits")
HOSTILE = ("client-003", "client-007")
ENGINE = fw.Engine(lanes=1, devices=1, lowering="on")


def setup_of(partition, model="softmax", aggregator: Aggregator | None = None, change=None):
    """A healthy setup, but for its aggregator and what `change` makes of the clients."""
    clients = fw.partition(DIGITS.train, partition, clients=10, seed=0)
    if change is not None:
        clients = change(clients)
    algorithm = fw.fedavg(
        fw.Model.from_zoo(model), fw.LocalSGD(optax.sgd(0.3), epochs=2, batch_size=20)
    )
    if aggregator is not None:
        algorithm = algorithm.with_aggregator(aggregator)
    return Setup(algorithm, clients, 6, 10, 0, test=DIGITS.test, engine=ENGINE)


@cache
def trained(partition, model):
    """The weights of the healthy setup after its rounds."""
    return setup_of(partition, model).train(6, 0, evaluate_every=6).weights


def evidence_of(partition, model="softmax", aggregator=None, change=None) -> Evidence:
    """What is known of a setup whose model has been trained without its faults."""
    setup = setup_of(partition, model, aggregator, change)
    examine, server = Examination(setup), beginning(setup)
    later = server._replace(weights=trained(partition, model))
    return Evidence(setup, None, (examine(server, 1), examine(later, 7)))


def of_hostile(change):
    """A change of the flat arrays, `change(x, y) -> (x, y)`, at the hostile clients alone."""

    def changed(clients):
        rows = np.isin(clients.ids[clients.owner], HOSTILE)
        x, y = np.array(clients.x), np.array(clients.y)
        x[rows], y[rows] = change(x[rows], y[rows])
        return replace(clients, x=x, y=y)

    return changed
