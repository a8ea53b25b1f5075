"""Every cause has a page, made of the same parts as all others, and is on the list of findings."""

import ast
import re
import runpy
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from fedwhy.diagnosis.catalogue import CAUSES, GROUPS
from fedwhy.experiment.file import TABLES

DOCS = Path(__file__).parent.parent.parent / "docs"
SECTIONS = ["What it is", "How it looks", "How it was recognised", "What to do", "Example"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPERIMENT_FILE = (DOCS / "experiment_file.md").read_text("utf-8")
KEYS = set(re.findall(r"^\| `(\w+\.\w+)` \|", EXPERIMENT_FILE, re.MULTILINE))


def examples(page: str) -> list[tuple[str, str]]:
    """Language and text of the fenced blocks of a page's last section."""
    return FENCE.findall(page.rpartition("## Example\n")[2])


def without_code(page: str) -> str:
    return FENCE.sub("", page)


@pytest.mark.parametrize("code", CAUSES)
def test_a_page_has_its_title_and_five_sections(code):
    page = without_code(CAUSES[code].page)
    headings = re.findall(r"^(#+ .*)$", page, re.MULTILINE)
    assert headings == [f"# {code}: {CAUSES[code].title}", *(f"## {name}" for name in SECTIONS)]
    parts = re.split(r"^#+ .*$", page, flags=re.MULTILINE)
    assert all(part.strip() for part in parts[2:-1])  # The last one may be code alone.


def versions(text: str) -> list[str]:
    """A block as it was and as it becomes, where lines are marked `# before` and `# after`.

    The header of a table belongs to both.
    """
    lines = text.splitlines()
    marks = ("# before", "# after")
    before, after = (next((i for i, x in enumerate(lines) if mark in x), None) for mark in marks)
    if before is None or after is None:
        return [text]
    common = before + lines[before].startswith("[")
    return ["\n".join(lines[:after]), "\n".join([*lines[:common], *lines[after:]])]


@pytest.mark.parametrize("code", CAUSES)
def test_a_page_has_an_example_that_can_be_read(code):
    assert {language for language, _ in examples(CAUSES[code].page)} & {"toml", "python"}
    for language, text in FENCE.findall(CAUSES[code].page):
        for version in versions(text):
            if language == "python":
                ast.parse(version)
            if language == "toml":
                tables = tomllib.loads(version)
                keys = {f"{name}.{key}" for name, table in tables.items() for key in table}
                assert set(tables) <= set(TABLES)
                assert {key for key in keys if not key.startswith("aggregator.")} <= KEYS


@pytest.mark.parametrize("code", CAUSES)
def test_a_page_links_to_pages_that_there_are(code):
    linked = re.findall(r"\]\(([^)#]+)\)", without_code(CAUSES[code].page))
    within = [target for target in linked if not target.startswith(("https://", "http://"))]
    assert set(within) <= {f"{code}.md" for code in CAUSES}


def test_there_is_no_page_without_a_cause():
    folder = resources.files("fedwhy.diagnosis") / "pages"
    pages = {page.name for page in folder.iterdir()} if folder.is_dir() else set()
    assert pages == {f"{code}.md" for code in CAUSES}


def test_codes_are_of_their_group_and_distinct():
    assert len(CAUSES) == sum(len(group.CAUSES) for group in GROUPS)
    for number, group in enumerate(GROUPS, 1):
        assert (group.__doc__ or "").startswith(f"FW{number}xx, ")
        assert all(re.fullmatch(f"FW{number}\\d\\d", cause.code) for cause in group.CAUSES)


def test_the_list_of_findings_is_in_step():
    """If this fails, run `python docs/list_findings.py`."""
    made = runpy.run_path(str(DOCS / "list_findings.py"))["findings_page"]()
    assert (DOCS / "findings.md").read_text(encoding="utf-8") == made
