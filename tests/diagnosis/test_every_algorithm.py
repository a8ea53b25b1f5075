"""No cause of training or server raises for any algorithm of the catalogue, or one by hand."""

import keras
import optax
import pytest

import fedwhy as fw
from fedwhy.algorithms import ALGORITHMS
from fedwhy.diagnosis import Evidence, Setup, Severity
from fedwhy.diagnosis.catalogue import CAUSES as CATALOGUE
from fedwhy.diagnosis.causes import server, training

CAUSES = (*training.CAUSES, *server.CAUSES)


@pytest.fixture(scope="module")
def model():
    """A small network with normalisation, as FedBN needs one."""
    layers = keras.layers

    def build():
        return keras.Sequential(
            [layers.Flatten(), layers.BatchNormalization(), layers.Dense(8), layers.Dense(10)]
        )

    return fw.Model.from_keras(build, keras.losses.SparseCategoricalCrossentropy(from_logits=True))


@pytest.fixture(scope="module")
def clients(digits):
    return fw.partition(digits.train, fw.Dirichlet(alpha=1.0), clients=6, seed=0)


def suspicions(algorithm, clients):
    """What all causes say before the run."""
    evidence = Evidence(Setup(algorithm, clients, rounds=5, cohort=3))
    return [found for cause in CAUSES if (found := cause.suspect(evidence))]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_no_cause_raises_or_calls_an_algorithm_of_the_catalogue_useless(name, model, clients):
    work = fw.FullGradient() if name == "fedsgd" else fw.LocalSGD(optax.sgd(0.1), batch_size=20)
    found = suspicions(ALGORITHMS[name](model, work), clients)
    assert not [s.why for s in found if s.standing and s.severity != Severity.note]


TRUST = {
    "by_agreement": lambda algorithm, root: fw.trust.by_agreement(algorithm),
    "by_quality": fw.trust.by_quality,
    "fltrust": fw.trust.fltrust,
}


@pytest.mark.parametrize("trust", TRUST.values(), ids=TRUST)
def test_no_cause_raises_or_calls_trust_useless(trust, model, clients, digits):
    root = fw.Dataset(digits.test.x[:50], digits.test.y[:50])
    trusting = trust(fw.fedavg(model, fw.LocalSGD(optax.sgd(0.1), batch_size=20)), root)
    found = suspicions(trusting, clients)
    assert not [s.why for s in found if s.standing and s.severity != Severity.note]


def test_no_cause_at_all_raises_for_clients_that_send_gradients(model, clients, digits):
    setup = Setup(fw.fedsgd(model, fw.FullGradient()), clients, rounds=5, cohort=3)
    evidence = Evidence(setup.changed(test=digits.test, test_clients=clients))
    for cause in CATALOGUE.values():
        cause.suspect(evidence)


def test_no_cause_raises_for_an_algorithm_made_by_hand(model, clients):
    by_hand = fw.fedavg(model, fw.LocalSGD(optax.sgd(0.1)))._replace(recipe=None)
    assert suspicions(by_hand, clients) == []


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.code)
def test_every_cause_has_a_page(cause):
    lines = cause.page.splitlines()
    assert lines[0] == f"# {cause.code}: {cause.title}"
    assert [line for line in lines if line.startswith("## ")] == [
        "## What it is",
        "## How it looks",
        "## How it was recognised",
        "## What to do",
        "## Example",
    ]
    assert 25 <= len(lines) <= 60
