"""The page of the zoo, from what a diagnosis might have said."""

from xml.etree import ElementTree

import pytest
from fault_zoo.plan import Instance

from fault_zoo import check, confusion, score

UNSCALED = Instance((("unscaled_inputs", 255),), "digits-mlp-mild", 0)
PAIR = Instance((("missing_classes", 2), ("rate_too_low", 0.01)), "digits-mlp-iid", 0)
CALM = Instance((), "digits-mlp-iid", 0)


def row(instance, *codes, **others):
    findings = [
        {"code": code, "severity": "warning", "confirmed": code == "FW106", "recovered": 0.5}
        for code in codes
    ]
    return {"id": instance.id, "findings": findings, "seconds": 12.0, **others}


def test_a_hit_needs_the_planted_cause_among_the_first():
    said = row(UNSCALED, "FW301", "FW106")
    assert not score.hit(UNSCALED, said, 1)
    assert score.hit(UNSCALED, said, 3)
    assert score.confirmed(UNSCALED, said)


def test_a_pair_is_hit_where_both_are_named():
    assert score.hit(PAIR, row(PAIR, "FW302", "FW301", "FW102"), 3)
    assert not score.hit(PAIR, row(PAIR, "FW302", "FW301"), 3)


def test_a_fault_that_costs_too_little_does_not_count():
    effects = {CALM.id: 0.9}
    one, other = check.alone(PAIR)
    assert check.counts(PAIR, effects)
    assert not check.counts(one, {**effects, one.id: 0.88})
    assert check.loss(other, {**effects, other.id: 0.5}) == pytest.approx(0.4)
    assert not check.counts(PAIR, {**effects, one.id: 0.88, other.id: 0.5})


def test_repaired_has_back_nine_tenths_of_what_was_lost():
    effects = {check.baseline(UNSCALED).id: 0.9, UNSCALED.id: 0.4}
    assert score.repaired(UNSCALED, row(UNSCALED, trained_again=0.86), effects)
    assert not score.repaired(UNSCALED, row(UNSCALED, trained_again=0.84), effects)
    assert not score.repaired(UNSCALED, row(UNSCALED, trained_again=None), effects)
    assert score.repaired(UNSCALED, row(UNSCALED), {}) is None


def test_the_page_has_a_line_for_each_cause_and_tells_false_alarms():
    judged = [
        (UNSCALED, row(UNSCALED, "FW106")),
        (PAIR, row(PAIR, "FW302")),
        (CALM, row(CALM, "FW101")),
    ]
    text = score.half("tuning", judged, {})
    assert "| FW106 | 1 | 100 | 100 | 100 | - | 12 |" in text
    assert "| both of a pair, first two | 1 | 0 | 0 | 0 | - | 12 |" in text
    assert "- warning: 1 runs. FW101 (1)" in text


def test_a_diagnosis_that_broke_is_told():
    broke = {"id": UNSCALED.id, "failed": "ValueError", "seconds": 1.0}
    text = score.half("tuning", [(UNSCALED, broke)], {})
    assert f"- {UNSCALED.id}" in text


def test_the_picture_has_a_cell_for_each_pair_that_was_seen():
    picture = ElementTree.fromstring(
        confusion.draw([("FW106", "FW106"), ("FW106", "none"), ("FW301", "FW106")])
    )
    cells = [each for each in picture.iter() if each.tag.endswith("rect")]
    assert len(cells) == 3
    said = [title.text for title in picture.iter() if title.tag.endswith("title")]
    assert "FW106 named none: 1 of 2" in said
