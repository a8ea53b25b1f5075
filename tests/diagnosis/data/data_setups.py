"""Setups of the digits, healthy ones and such with one fault in their data."""

from dataclasses import replace
from functools import cache
from typing import Any

import optax

import fedwhy as fw
from fedwhy.diagnosis import Evidence, Setup, Suspicion
from fedwhy.diagnosis.causes import data

CAUSES = {cause.code: cause for cause in data.CAUSES}
DIGITS: Any = fw.load("digits")
HEALTHY = {
    "iid": (fw.IID(), 10),
    "little skew": (fw.Dirichlet(alpha=100.0), 10),
    "label skew": (fw.Dirichlet(alpha=1.0), 10),
    "two labels each": (fw.LabelsPerClient(2), 10),
    "small clients": (fw.IID(), 100),
    "small and skewed": (fw.Dirichlet(alpha=1.0), 100),
    "uneven": (fw.LognormalQuantity(1.5), 20),
}


@cache
def clients_of(name: str) -> fw.FederatedDataset:
    scheme, clients = HEALTHY[name]
    return fw.partition(DIGITS.train, scheme, clients=clients, seed=0)


def setup(
    clients: Any = "iid",
    test: Any = DIGITS.test,
    model: fw.Model | str = "softmax",
    rounds: int = 8,
    **local: Any,
) -> Setup:
    clients = clients_of(clients) if isinstance(clients, str) else clients
    model = fw.Model.from_zoo(model) if isinstance(model, str) else model
    options: dict[str, Any] = {"epochs": 1, "batch_size": 20} | local
    training = fw.LocalSGD(optax.sgd(0.1), **options)
    cohort = min(10, clients.clients)
    return Setup(fw.fedavg(model, training), clients, rounds=rounds, cohort=cohort, test=test)


def suspicions(setup: Setup) -> dict[str, Suspicion]:
    """What the causes in the data suspect before a run, by code."""
    evidence = Evidence(setup)
    found = {code: cause.suspect(evidence) for code, cause in CAUSES.items()}
    return {code: suspicion for code, suspicion in found.items() if suspicion is not None}


def suspicion(code: str, setup: Setup) -> Suspicion:
    found = CAUSES[code].suspect(Evidence(setup))
    assert found is not None, f"{code} is not suspected"
    return found


def repaired(code: str, setup: Setup) -> Any:
    """The setup with the prescription of a cause, which then is no longer suspected."""
    prescription = suspicion(code, setup).prescription
    assert prescription is not None
    after = prescription.apply(setup)
    assert CAUSES[code].suspect(Evidence(after)) is None
    return after


def accuracy(setup: Setup) -> float:
    run = setup.train(setup.rounds, seed=0, evaluate_every=setup.rounds)
    return run.history[-1]["test_accuracy"]


def with_x(data, function):
    return replace(data, x=function(data.x))


def with_y(data, function):
    return replace(data, y=function(data.y))
