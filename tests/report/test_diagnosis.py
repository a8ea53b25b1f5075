"""What is on the page of a diagnosis, read as HTML."""

import json
import tomllib

import numpy as np
import pytest
from diagnosed import make_diagnosis, probe
from test_report import HOSTILE, Page

from fedwhy.report import render_diagnosis
from fedwhy.report.changes import Line, diff, toml
from fedwhy.report.cosines import by_direction
from fedwhy.report.findings import blocks
from fedwhy.report.markdown import to_html
from fedwhy.report.probes import Bar, bars, points, probes_of
from fedwhy.report.wording import ABSENT, as_sentence, percent

CHARTS = [
    *("learning", "labels", "recall-rounds", "norms", "agreement", "local-loss", "cosines"),
]


@pytest.fixture
def record():
    return make_diagnosis()


def test_page_of_a_diagnosis(record):
    page = Page(render_diagnosis(record))
    assert list(page.charts) == CHARTS
    assert record["verdict"] in page.text
    for text in ("95.1 %", "+83.4 points", "48.2 s", "1 of them proved by a run", "6 probes"):
        assert text in page.text
    headings = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert headings[0] == 1 and max(np.diff(headings)) == 1
    articles = [attrs["id"] for tag, attrs in page.tags if tag == "article"]
    assert articles == ["FW106", "FW101", "FW113"]


def test_a_verdict_and_findings_are_enough(record):
    findings = [{"code": "FW106", "title": "Inputs are not scaled"}]
    page = Page(render_diagnosis({"verdict": "It is so.", "findings": findings}))
    assert page.charts == {} and "Inputs are not scaled" in page.text
    page = Page(render_diagnosis({"verdict": "Nothing is wrong.", "findings": []}))
    assert "No cause of the catalogue was found" in page.text


def test_what_is_absent_leaves_its_part_out(record):
    for key in set(record) - {"verdict", "findings"}:
        page = Page(render_diagnosis({k: v for k, v in record.items() if k != key}))
        assert record["verdict"] in page.text
    del record["updates"], record["partition"]
    assert list(Page(render_diagnosis(record)).charts) == [
        *("learning", "recall-rounds", "norms", "agreement", "local-loss")
    ]


def test_a_code_leads_to_its_page_which_unfolds(record):
    page = Page(render_diagnosis(record))
    links = [attrs["href"] for tag, attrs in page.tags if attrs.get("class") == "code"]
    unfolding = [
        f"#{attrs['id']}" for tag, attrs in page.tags if tag == "details" and "id" in attrs
    ]
    assert links == unfolding == ["#FW106-page", "#FW101-page", "#FW113-page"]
    assert "The loss stays near ln(10) , or is nan from the first round on." in page.text


def test_findings_say_how_they_were_proved(record):
    proofs = [block.proof for block in blocks(record)]
    assert proofs == [
        "Proved by a run: with inputs divided by 255, 10 % became 93.4 %, the mean of 2 seeds.",
        "Not proved by a run: with the same examples dealt to the clients at random, 10.1 % became "
        "10.5 %, the mean of 2 seeds, which may be chance.",
        "It was not put to the test.",
    ]


def test_a_gain_from_one_seed_is_called_that(record):
    for one in record["probes"]:
        one["scores"], one["base"] = one["scores"][:1], one["base"][:1]
    assert blocks(record)[1].proof.endswith(", from one seed only.")


def test_a_probe_that_was_refused_says_why(record):
    record["findings"][2]["code"] = "FW205"
    assert blocks(record)[2].proof == "It could not be put to the test: the model has no state."
    assert "not run: the model has no state" in Page(render_diagnosis(record)).text


def test_probes_are_ranked_by_what_they_recovered(record):
    probes = probes_of(record)
    assert [p.label for p in probes] == [
        *("FW106", "FW301", "FW106 + FW101", "FW101", "FW302", "FW205")
    ]
    best = probes[0]
    gains = best.recovered, best.least, best.most
    assert gains == pytest.approx((0.834, 0.82, 0.848)) and best.seeds == 2
    assert [p.confirmed for p in probes] == [True, False, False, False, False, False]


def test_bars_begin_at_zero_and_hold_their_interval():
    gains = {"FW106": (0.4, 0.6), "FW101": (-0.2, 0.0)}
    runs = [probe(code, "", [0.3 + g for g in both], [0.3, 0.3]) for code, both in gains.items()]
    drawn = bars(probes_of({"findings": [], "probes": runs}))
    # The axis reaches from -0.2 to 0.6, so that zero is at a quarter of it.
    assert drawn[0] == pytest.approx(Bar(zero=25, left=25, width=62.5, low=75, high=100))
    assert drawn[1] == pytest.approx(Bar(zero=25, left=12.5, width=12.5, low=0, high=25))


def test_a_probe_that_was_refused_has_no_bar():
    refused = probe("FW106", "", [], [], error="no")
    assert bars(probes_of({"findings": [], "probes": [refused]})) == [None]


def test_seeds_without_a_score_are_left_out(record):
    record["probes"] = [{"code": "FW101", "base": [0.5, 0.5, 0.6], "scores": [0.7, None]}]
    first = probes_of(record)[0]
    assert (first.seeds, first.before, first.after) == (1, 0.5, 0.7)


def test_changes_are_a_diff_of_the_experiment_file(record):
    settings = {"client": {"learning_rate": 1.0, "clip_norm": 5.0, "epochs": 1}, "model": None}
    changes = [
        {"table": "client", "key": "learning_rate", "value": 0.01},
        {"table": "prepare", "key": "scale", "value": 255},
        {"table": "client", "key": "clip_norm", "value": None},
        {"table": "client", "key": "epochs", "value": 1},
    ]
    assert diff(changes, settings) == [
        Line("kept", "[client]"),
        Line("gone", "learning_rate = 1.0"),
        Line("new", "learning_rate = 0.01"),
        Line("gone", "clip_norm = 5.0"),
        Line("kept", "epochs = 1"),
        Line("kept", "[prepare]"),
        Line("new", "scale = 255"),
    ]


@pytest.mark.parametrize(
    "value", [1, 1.0, 1e-7, True, 'a "b" \\ é', ["a", 2.5], {"a": {"b": [1, 2]}}, []]
)
def test_values_are_written_as_toml(value):
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value


def test_links_of_a_page_stay_inside_or_lead_to_the_web():
    text = "# T\n[a](FW101.md) [b](FW102.md) [c](javascript:x) [d](file:///x) [e](https://e.org)"
    html = to_html(text, {"FW101"})
    assert html == (
        '<p><a href="#FW101">a</a> <a>b</a> [c](javascript:x) [d](file:///x) '
        '<a href="https://e.org" rel="noreferrer">e</a></p>\n'
    )


def test_a_page_brings_no_tags_and_no_pictures():
    html = to_html("# T\n<script>x</script>\n\n![p](https://e.org/p.png)", ())
    assert "<script" not in html and "<img" not in html


def test_hostile_texts_stay_text(record):
    tags = sorted(tag for tag, _ in Page(render_diagnosis(record)).tags)
    record["verdict"] = record["name"] = HOSTILE
    for finding in record["findings"]:
        finding |= {"title": HOSTILE, "why": HOSTILE}
    record["findings"][0]["evidence"] = {HOSTILE: HOSTILE, "a": 1, "b": 2}
    record["findings"][0]["prescription"] = {"what": HOSTILE, "code": ""}
    for entry in record["probes"]:
        entry["what"] = HOSTILE
    record["updates"]["ids"] = [f"{HOSTILE}{i}" for i in range(10)]
    page = Page(render_diagnosis(record))
    assert sorted(tag for tag, _ in page.tags) == tags
    for tag in ("<script", "<img"):
        assert tag not in json.dumps(page.charts)


def test_learning_is_drawn_beside_the_repaired_run_and_all_at_one_place(record):
    names = {t["name"]: t for t in Page(render_diagnosis(record)).charts["learning"]["traces"]}
    assert list(names) == ["as it is", "repaired", "all examples at one place"]
    del record["central_history"]
    level = Page(render_diagnosis(record)).charts["learning"]["traces"][2]
    assert (level["x"], level["y"]) == ([0, 20], [0.951, 0.951])


def test_a_run_without_accuracy_is_judged_by_its_loss(record):
    for history in ("history", "repaired_history", "central_history"):
        record[history] = [
            {k: v for k, v in r.items() if "accuracy" not in k} for r in record[history]
        ]
    record["measure"] = "explained variance"
    page = Page(render_diagnosis(record))
    assert "Loss by round" in page.text and "Explained variance now" in page.text
    assert len(page.charts["learning"]["traces"]) == 3


def test_recall_is_drawn_by_class_and_round(record):
    record["history"] = record["repaired_history"]
    page = Page(render_diagnosis(record))
    trace = page.charts["recall-rounds"]["traces"][0]
    assert np.shape(trace["z"]) == (10, 21)
    assert [row[20] for row in trace["z"]] == pytest.approx(record["history"][20]["test_recall"])
    assert "In the end every class is known; the least known to 57.9 %." in page.text


def test_clients_who_pull_together_are_neighbours(record):
    page = Page(render_diagnosis(record))
    trace = page.charts["cosines"]["traces"][0]
    order = [record["updates"]["ids"].index(name) for name in trace["x"]]
    cosine = np.array(record["updates"]["cosine"])[np.ix_(order, order)]
    others = ~np.eye(10, dtype=bool)
    np.testing.assert_allclose(np.array(trace["z"], float)[others], cosine[others], rtol=1e-5)
    assert all(trace["z"][i][i] is None for i in range(10))
    camps = np.array([1, -1, 1, -1, 1, 1.0])
    assert by_direction(np.outer(camps, camps)).tolist()[-2:] == [1, 3]


def test_of_many_clients_a_sample_is_shown(record):
    record["updates"] = {"cosine": np.eye(300).tolist(), "ids": [str(c) for c in range(300)]}
    page = Page(render_diagnosis(record))
    assert np.shape(page.charts["cosines"]["traces"][0]["z"]) == (100, 100)
    assert "Shown: 100 of 300 clients." in page.text


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, "10 %"), (0.9614, "96.1 %"), (-0.0001, "0 %"), (None, ABSENT)]
)
def test_percent(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.861, "+86.1 points"), (-0.04, "-4 points")])
def test_points(value, text):
    assert points(value) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the loss rises, by 3.5", "The loss rises, by 3.5."),
        ("Inputs reach 255.", "Inputs reach 255."),
        ("clients' labels differ", "Clients' labels differ."),
        ("batch_size is 1", "batch_size is 1."),
        ("", ""),
    ],
)
def test_why_is_a_sentence(text, expected):
    assert as_sentence(text) == expected


def test_a_probe_that_changes_nothing_says_so(record):
    record["probes"] = [probe("FW101", "one epoch", [0.1001], [0.1])]
    assert blocks(record)[1].proof == "Not proved by a run: with one epoch, it stayed at 10 %."
