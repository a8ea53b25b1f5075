"""`fedwhy explain` and a diagnosis in the terminal."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fedwhy.cli import main
from fedwhy.diagnosis import catalogue
from fedwhy.diagnosis.catalogue import CAUSES, cause_of
from fedwhy.diagnosis.terminal import for_terminal
from fedwhy.errors import ParameterError

FINDING: dict[str, Any] = {
    "code": "FW106",
    "title": "Inputs are not [bold]scaled",
    "severity": "error",
    "confirmed": True,
    "why": "Inputs reach 255.",
    "recovered": 0.834,
    "prescription": {"what": "inputs divided by 255", "code": "x = x / 255"},
    "changes": [{"table": "prepare", "key": "scale", "value": 255}],
}
RECORD: dict[str, Any] = {
    "verdict": "Stuck at 10 %: inputs are not scaled.",
    "findings": [FINDING],
    "probes": [
        {"code": "FW106", "what": "inputs divided by 255", "base": [0.1], "scores": [0.934]},
        {"code": "FW205", "what": "statistics averaged", "error": "the model has no state"},
    ],
    "settings": {"prepare": {"scale": 1}},
}


def printed(record, width=100):
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(for_terminal(record))
    return capture.get()


def test_a_diagnosis_in_the_terminal():
    lines = [line.rstrip() for line in printed(RECORD).splitlines()]
    assert lines == [
        "Stuck at 10 %: inputs are not scaled.",
        "",
        "FW106 Inputs are not [bold]scaled  (error, proved, +83.4 points)",
        "  Inputs reach 255. Proved by a run: with inputs divided by 255, 10 % became 93.4 %.",
        "  To change: run it with inputs divided by 255.",
        "      [prepare]",
        "    - scale = 1",
        "    + scale = 255",
        "    x = x / 255",
        "",
        "code   run with               before  after   recovered",
        "FW106  inputs divided by 255  10 %    93.4 %  +83.4 points",
        "FW205  statistics averaged    –       –       not run: the model has no state",  # noqa: RUF001
        "",
        "More about one: fedwhy explain FW106",
    ]


def test_the_documentation_shows_what_is_printed():
    page = (Path(__file__).parent.parent.parent / "docs" / "diagnosis.md").read_text("utf-8")
    finding = FINDING | {
        "title": "Inputs are not scaled",
        "prescription": {"what": "inputs divided by 255", "code": ""},
    }
    verdict = f"{RECORD['verdict']} With inputs divided by 255, it reaches 93.4 %."
    probes = RECORD["probes"][:1]
    shown = printed({"verdict": verdict, "findings": [finding], "probes": probes})
    block = "\n".join(line.rstrip() for line in shown.splitlines())
    assert f"```text\n{block}\n```" in page


def test_a_healthy_diagnosis_is_its_verdict():
    assert printed({"verdict": "Nothing is wrong.", "findings": []}).strip() == "Nothing is wrong."


def test_it_fits_a_narrow_terminal():
    assert max(map(len, printed(RECORD, 40).splitlines())) <= 40


@pytest.fixture
def fedwhy(monkeypatch, capsys):
    """The command in this process; returns what it printed, and what it complained of."""

    def command(*arguments, code=0):
        monkeypatch.setattr(sys, "argv", ["fedwhy", *arguments])
        with pytest.raises(SystemExit) as exit:
            main()
        assert (exit.value.code or 0) == code
        return capsys.readouterr()

    return command


@pytest.mark.parametrize("code", CAUSES)
def test_a_code_is_explained_by_its_page(fedwhy, code):
    cause = CAUSES[code]
    words = " ".join(fedwhy("explain", code.lower()).out.split())
    assert "What to do" in words and "##" not in words
    told = json.loads(fedwhy("explain", code, "--json").out)
    assert told == {"code": code, "title": cause.title, "page": cause.page}


def test_all_causes_are_listed_without_a_code(fedwhy):
    listed = json.loads(fedwhy("explain", "--json").out)["causes"]
    assert listed == [{"code": c.code, "title": c.title} for c in CAUSES.values()]
    assert len(fedwhy("explain").out.splitlines()) >= 1 + len(CAUSES)


def test_an_unknown_code_is_refused_and_near_ones_suggested(fedwhy):
    assert "there is no 'FW999'" in fedwhy("explain", "FW999", code=2).err
    for cause in CAUSES.values():
        with pytest.raises(ParameterError) as error:
            cause_of(f"{cause.code}0")
        assert f"{cause.code} ({cause.title})" in str(error.value)


def test_a_word_of_a_title_leads_to_its_code():
    for cause in CAUSES.values():
        longest = max(cause.title.split(), key=len)
        with pytest.raises(ParameterError, match="did you mean") as error:
            cause_of(longest)
        titled = [c.code for c in CAUSES.values() if longest.lower() in c.title.lower()]
        assert all(code in str(error.value) for code in titled[: catalogue.NEAR])
