"""Clipping and noise that leave too little of the updates, and a private setup that does not."""

from functools import cache
from typing import Any

import optax
import pytest

import fedwhy as fw
from fedwhy import aggregators as ag
from fedwhy.algorithms.compressed_broadcast import compressed_broadcast
from fedwhy.diagnosis import Evidence, Setup
from fedwhy.diagnosis.causes.privacy import CAUSES
from fedwhy.diagnosis.causes.privacy.noise_above_signal import noise_of
from fedwhy.diagnosis.edits.aggregator import pieces, pieces_of
from fedwhy.diagnosis.facts.updates import Updates, beginning, examine
from fedwhy.errors import ParameterError

BY_CODE = {cause.code: cause for cause in CAUSES}
DIGITS = fw.load("digits")
CLIENTS = fw.partition(DIGITS.train, fw.IID(), clients=20, seed=0)
PARAMETERS = 650


def setup_of(aggregator) -> Setup:
    local = fw.LocalSGD(optax.sgd(0.3), epochs=2, batch_size=20)
    algorithm = fw.fedavg(fw.Model.from_zoo("softmax"), local)
    if aggregator is not None:
        algorithm = algorithm.with_aggregator(aggregator)
    engine = fw.Engine(lanes=1, devices=1, lowering="on")
    return Setup(algorithm, CLIENTS, 10, 10, 0, test=DIGITS.test, engine=engine)


@cache
def plain() -> Updates:
    """What clients train first: clipping and noise come after it."""
    setup = setup_of(None)
    return examine(setup, beginning(setup), 1)


def evidence_of(aggregator) -> Evidence:
    return Evidence(setup_of(aggregator), None, (plain(), plain()))


def suspicions(aggregator) -> dict[str, Any]:
    evidence = evidence_of(aggregator)
    found = {code: cause.suspect(evidence) for code, cause in BY_CODE.items()}
    return {code: suspicion for code, suspicion in found.items() if suspicion is not None}


def private(clip=0.5, noise_multiplier=0.3):
    return ag.private_mean(clip=clip, noise_multiplier=noise_multiplier, cohort=10, delta=1e-3)


def clipped(norm, *links):
    return ag.chain(ag.clip(norm), *links, ag.mean("uniform"))


@pytest.mark.parametrize(
    "aggregator", [None, private(), clipped(0.5), clipped(0.5, ag.noise(1e-4)), clipped(100.0)]
)
def test_a_sensible_setup_is_not_suspected(aggregator):
    assert suspicions(aggregator) == {}


@pytest.mark.parametrize("rule", [private(clip=0.01), clipped(0.01)], ids=["private", "clip"])
def test_a_clip_norm_far_below_the_median_is_moved_to_it(rule):
    suspicion = suspicions(rule)["FW701"]
    median = suspicion.evidence["median_norms"][0]
    repaired = suspicion.probes[0].apply(evidence_of(rule).setup)
    (change,) = suspicion.probes[0].changes({})
    assert change.value == pytest.approx(median, rel=0.05)
    assert change.value in [
        piece.arguments.get("norm", piece.arguments.get("clip"))
        for piece in pieces_of(repaired).values()
    ]
    again = Evidence(repaired, None, (plain(), plain()))
    assert BY_CODE["FW701"].suspect(again) is None


def test_a_clip_norm_is_found_behind_an_attack_and_a_compressed_broadcast():
    rule = ag.attacked(clipped(0.01), ag.attacks.sign_flip(), clients=[0])
    setup = setup_of(rule)
    sending = compressed_broadcast(setup.algorithm, ag.quantize(8))
    setup = setup.changed(algorithm=sending)
    suspicion = BY_CODE["FW701"].suspect(Evidence(setup, None, (plain(), plain())))
    assert suspicion is not None
    repaired = suspicion.probes[0].apply(setup)
    assert BY_CODE["FW701"].suspect(Evidence(repaired, None, (plain(), plain()))) is None
    assert pieces(repaired.algorithm.aggregator)[0].name == "attacked"


def test_a_clip_norm_far_above_the_median_is_blamed_for_its_noise_alone():
    found = suspicions(private(clip=50.0))
    assert set(found) == {"FW702"}
    repaired = found["FW702"].probes[0].apply(setup_of(private(clip=50.0)))
    release = repaired.algorithm.aggregator.privacy
    assert release is not None and release.noise_multiplier == 0.3
    assert BY_CODE["FW702"].suspect(Evidence(repaired, None, (plain(), plain()))) is None


def test_noise_of_the_mean_has_its_closed_form():
    noise = noise_of(evidence_of(private(clip=0.1, noise_multiplier=2.0)))
    assert noise is not None
    assert noise.norm == pytest.approx(2.0 * 0.1 * PARAMETERS**0.5 / 10)
    local = ag.chain(ag.local_noise(clip=0.1, noise_multiplier=2.0, delta=1e-3), ag.mean("uniform"))
    noise = noise_of(evidence_of(local))
    assert noise is not None
    assert noise.norm == pytest.approx(2.0 * 0.1 * (PARAMETERS / 10) ** 0.5)


@pytest.mark.parametrize(
    "rule", [private(noise_multiplier=50.0), clipped(0.5, ag.noise(1.0))], ids=["private", "link"]
)
def test_noise_that_drowns_the_signal_is_made_less(rule):
    found = suspicions(rule)
    assert set(found) == {"FW703"} and found["FW703"].standing
    repaired = found["FW703"].probes[0].apply(setup_of(rule))
    assert BY_CODE["FW703"].suspect(Evidence(repaired, None, (plain(), plain()))) is None


def test_larger_cohorts_come_before_less_noise():
    suspicion = suspicions(private(noise_multiplier=50.0))["FW703"]
    repaired = suspicion.probes[0].apply(setup_of(private(noise_multiplier=50.0)))
    release = repaired.algorithm.aggregator.privacy
    assert repaired.cohort == 20 and release is not None and release.cohort == 20
    changes = {(change.table, change.key) for change in suspicion.probes[0].changes({})}
    assert ("train", "cohort") in changes and ("aggregator", "private_mean.cohort") in changes


def test_pieces_are_found_behind_attacks_and_within_wrappers():
    chain = ag.chain(ag.clip(2.0), ag.error_feedback(ag.top_k(0.1)), ag.bucketing(2, ag.median()))
    found = pieces(ag.attacked(chain, ag.attacks.sign_flip(), clients=[0]))
    assert [piece.name for piece in found[:4]] == ["attacked", "clip", "error_feedback", "top_k"]
    assert found[1].arguments == {"norm": 2.0}
    assert found[3].within == ("attacked", "error_feedback")


def test_an_edit_of_a_piece_that_is_not_there_is_refused():
    suspicion = suspicions(clipped(0.01))["FW701"]
    with pytest.raises(ParameterError, match="no piece 'clip'"):
        suspicion.probes[0].apply(setup_of(None))
