"""The search blames what brings the accuracy back, and repairs it, also where two causes meet."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import optax
import pytest

import fedwhy as fw
from fedwhy.diagnosis import Cause, Edit, Setup, Suspicion, edits
from fedwhy.diagnosis.edits.redealing import same_labels
from fedwhy.diagnosis.search.probing import Search, find_causes
from fedwhy.diagnosis.search.runs import Outcome, Runs, comparable
from fedwhy.federated import paths

DIGITS = fw.load("digits")
CLIENTS = fw.partition(DIGITS.train, fw.IID(), clients=5, seed=0)


def setup(rate: float = 0.5, factor: float = 1.0) -> Setup:
    """Softmax regression on digits, whose pixels are multiplied by `factor`."""
    scaled = replace(CLIENTS, x=CLIENTS.x * factor)
    test = replace(DIGITS.test, x=DIGITS.test.x * factor)
    local = fw.LocalSGD(optax.sgd(rate), batch_size=32)
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax"), local)
    return Setup(algorithm, scaled, rounds=5, cohort=5, test=test)


def cause(code: str) -> Cause:
    return Cause(code, "a cause", lambda evidence: None)


def suspicion(confidence: float, edit: Edit, **more: Any) -> Suspicion:
    return Suspicion("it looks so", confidence, {}, edit, **more)


def rescaled(factor: float) -> Edit:
    def apply(setup: Setup) -> Setup:
        assert setup.test is not None
        test = replace(setup.test, x=setup.test.x * factor)
        return setup.changed(clients=replace(setup.clients, x=setup.clients.x * factor), test=test)

    return Edit(f"inputs times {factor}", apply)


def searched(setup: Setup, *suspected: tuple[Cause, Suspicion]) -> Search:
    return searched_by(setup, lambda setup: list(suspected))


def searched_by(setup: Setup, suspect: Callable[[Setup], list[tuple[Cause, Suspicion]]]) -> Search:
    def look(setup: Setup, outcome: Outcome):
        return suspect(setup), None

    search = Search(setup, Runs(budget=600, rounds=5), look, potential=0.9)
    find_causes(search)
    return search


def dark(setup: Setup) -> bool:
    return setup.clients.x.max() < 0.1


def test_blames_the_cause_whose_removal_recovers_the_accuracy():
    slow = suspicion(0.3, edits.rate(1000.0), standing=False)
    scale = suspicion(0.9, rescaled(0.5))
    search = searched(setup(rate=5e-4), (cause("FW106"), scale), (cause("FW302"), slow))
    assert [proof.cause.code for proof in search.proofs] == ["FW302"]
    assert search.proofs[0].recovered > 0.3
    assert search.repaired is not None
    assert search.base().score > 0.85


def test_of_two_edits_that_recover_alike_the_surer_suspicion_is_blamed():
    slow = suspicion(0.3, edits.rate(400.0), standing=False)
    scale = suspicion(0.95, rescaled(20.0))  # Gradients grow with the square: it is the same.
    search = searched(setup(factor=0.05, rate=0.5), (cause("FW302"), slow), (cause("FW106"), scale))
    assert search.proofs[0].cause.code == "FW106"


def test_a_run_that_is_not_in_trouble_is_not_probed_for_guesses():
    slow = suspicion(0.4, edits.rate(3.0), standing=False)
    search = searched(setup(), (cause("FW302"), slow))
    assert search.probes == []
    assert search.proofs == []


def test_a_stronger_prescription_is_taken_where_the_first_recovers_nothing():
    weak, strong = edits.rate(1.001), edits.rate(1e3)
    search = searched(
        setup(rate=5e-4), (cause("FW302"), suspicion(0.5, weak, others=(strong,), standing=False))
    )
    assert search.proofs[0].repair is strong


def test_what_a_repair_uncovers_is_suspected_then():
    slow, scale = suspicion(0.5, edits.rate(25.0)), suspicion(0.9, rescaled(100.0))

    def suspect(setup: Setup) -> list[tuple[Cause, Suspicion]]:
        return [(cause("FW106"), scale)] if dark(setup) else [(cause("FW302"), slow)]

    search = searched_by(setup(rate=0.02, factor=0.01), suspect)
    assert [proof.cause.code for proof in search.proofs] == ["FW106", "FW302"], search.probes


BIAS_ALONE = setup(factor=1e-3).with_local(trainable=("*/bias",))
SCALED = cause("FW106"), suspicion(0.9, rescaled(1e3))
THAWED = (
    cause("FW215"),
    suspicion(0.9, Edit("all trained", lambda s: s.with_local(trainable=paths.ALL))),
)


def test_two_causes_that_hide_each_other_are_repaired_together():
    search = searched(BIAS_ALONE, SCALED, THAWED)
    assert {proof.cause.code for proof in search.proofs} == {"FW106", "FW215"}
    assert search.base().score > 0.85


def test_a_cause_that_only_shows_behind_the_surest_is_repaired_with_it():
    search = searched_by(BIAS_ALONE, lambda setup: [SCALED] if dark(setup) else [THAWED])
    assert {proof.cause.code for proof in search.proofs} == {"FW106", "FW215"}


def test_a_run_no_better_than_a_guess_is_in_trouble_whatever_is_possible():
    search = searched(BIAS_ALONE)
    lost = replace(search, potential=0.0, chance=0.1)
    lost.runs.known[(), 0] = lost.base()._replace(score=0.11)
    assert lost.in_trouble
    assert not replace(lost, chance=0.05).in_trouble


def test_a_counterfactual_proves_what_nothing_can_repair():
    skewed = fw.partition(DIGITS.train, fw.Shards(per_client=1), clients=10, seed=0)
    local = fw.LocalSGD(optax.sgd(1.0), epochs=10, batch_size=10)
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax"), local)
    hard = Setup(algorithm, skewed, rounds=5, cohort=2, test=DIGITS.test)
    useless = edits.local("batches of 11", batch_size=11)
    doubt = suspicion(0.5, useless, counterfactual=same_labels())
    (proof,) = searched(hard, (cause("FW101"), doubt)).proofs
    assert proof.recovered > 0.2
    assert proof.repaired < proof.recovered / 2


def test_an_edit_that_does_not_fit_is_a_probe_with_an_error():
    search = searched(
        setup(rate=5e-4), (cause("FW305"), suspicion(0.9, edits.argument("a mu", mu=1.0)))
    )
    assert search.proofs == []
    (probe,) = search.probes
    assert "fedavg takes no such argument" in str(probe.error)


def test_own_models_count_by_their_lead_on_the_clients_own_examples():
    as_it_is = Outcome(0.6, [{"test_accuracy": 0.6, "clients_accuracy": 0.7}])
    own = Outcome(0.95, [{"personal_accuracy": 0.95, "test_accuracy": 0.1}])
    assert comparable(own, as_it_is) == pytest.approx(0.85)
    assert comparable(as_it_is, as_it_is) == 0.6
    assert comparable(own, own) == 0.95


@pytest.mark.parametrize("score", [0.5, 0.9])
def test_noise_is_two_standard_errors_of_an_accuracy(score):
    search = Search(setup(), Runs(budget=1, rounds=1), lambda setup, outcome: ([], None), 0.9)
    search.runs.known[(), 0] = search.runs.run((), setup(), 0)._replace(score=score)
    assert search.noise == pytest.approx(max(0.02, 2 * (score * (1 - score) / 360) ** 0.5))
