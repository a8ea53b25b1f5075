"""Compression that leaves too little of real updates, by sending them through it."""

from typing import Any

import optax
import pytest

import fedwhy as fw
from fedwhy import aggregators as ag
from fedwhy.algorithms.compressed_broadcast import compressed_broadcast
from fedwhy.diagnosis import Evidence, Setup
from fedwhy.diagnosis.causes.privacy import CAUSES
from fedwhy.diagnosis.edits.aggregator import pieces_of
from fedwhy.diagnosis.facts.updates import beginning, examine

BY_CODE = {cause.code: cause for cause in CAUSES}
DIGITS = fw.load("digits")
CLIENTS = fw.partition(DIGITS.train, fw.Dirichlet(alpha=1.0), clients=10, seed=0)


def examined(link) -> Evidence:
    local = fw.LocalSGD(optax.sgd(0.3), epochs=2, batch_size=20)
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax"), local)
    algorithm = algorithm.with_aggregator(ag.chain(link, ag.mean()))
    engine = fw.Engine(lanes=1, devices=1, lowering="on")
    setup = Setup(algorithm, CLIENTS, 10, 10, 0, test=DIGITS.test, engine=engine)
    updates = examine(setup, beginning(setup), 1)
    return Evidence(setup, None, (updates, updates))


def suspicions(evidence) -> dict[str, Any]:
    found = {code: cause.suspect(evidence) for code, cause in BY_CODE.items()}
    return {code: suspicion for code, suspicion in found.items() if suspicion is not None}


@pytest.mark.parametrize(
    "link",
    [ag.quantize(8), ag.half_precision(), ag.error_feedback(ag.top_k(0.3)), ag.top_k(0.5)],
    ids=lambda link: link.name,
)
def test_fine_compression_is_not_suspected(link):
    assert suspicions(examined(link)) == {}


def test_one_bit_asks_for_more_and_gets_them():
    evidence = examined(ag.quantize(1))
    suspicion = suspicions(evidence)["FW704"]
    finer = suspicion.probes[0].apply(evidence.setup)
    assert 4 <= pieces_of(finer)["quantize"].arguments["bits"] <= 8
    updates = examine(finer, beginning(finer), 1)
    assert updates.mean_error < 0.02
    assert BY_CODE["FW704"].suspect(Evidence(finer, None, (updates, updates))) is None


def test_a_coarse_top_k_lacks_numbers_and_error_feedback():
    evidence = examined(ag.top_k(0.01))
    found = suspicions(evidence)
    assert {"FW705", "FW706"} <= set(found)
    more = found["FW705"].probes[0].apply(evidence.setup)
    assert pieces_of(more)["top_k"].arguments["share"] == 0.1
    fed_back = found["FW706"].probes[0].apply(evidence.setup)
    assert pieces_of(fed_back)["top_k"].within == ("error_feedback",)
    assert BY_CODE["FW706"].suspect(Evidence(fed_back)) is None
    (change,) = found["FW706"].probes[0].changes({"aggregator": {"chain": ["clip", "top_k"]}})
    assert change == ("aggregator", "chain", ["clip", "error_feedback", "top_k"])


def test_random_places_that_are_seldom_drawn_are_suspected_with_error_feedback():
    found = suspicions(examined(ag.error_feedback(ag.random_k(0.02))))
    assert "FW705" in found and "FW706" not in found
    assert found["FW705"].evidence["share"] == 0.02


def test_before_the_run_a_missing_error_feedback_is_a_note():
    evidence = Evidence(examined(ag.top_k(0.5)).setup)
    suspicion = BY_CODE["FW706"].suspect(evidence)
    assert suspicion is not None and suspicion.severity == "note"


def test_a_missing_error_feedback_is_missing_under_attack_too():
    evidence = examined(ag.top_k(0.01))
    rule = evidence.setup.algorithm.aggregator
    attacked = ag.attacked(rule, ag.attacks.sign_flip(), clients=[0])
    sending = compressed_broadcast(
        fw.fedavg(evidence.setup.model, evidence.setup.local).with_aggregator(attacked),
        ag.quantize(8),
    )
    setup = evidence.setup.changed(algorithm=sending)
    found = BY_CODE["FW706"].suspect(Evidence(setup, None, evidence.updates))
    assert found is not None
    fed_back = pieces_of(found.probes[0].apply(setup))
    assert fed_back["top_k"].within == ("attacked", "error_feedback")
