"""Commands and experiment files in the documentation are ones that the program takes."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from click import MissingParameter

from doc_pages import PAGES, ROOT, blocks
from fedwhy.cli import app
from fedwhy.experiment import Experiment

COMMANDS = typer.main.get_command(app)
MADE = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
OF_THE_READER = "fedavg_decay"  # an algorithm that a page has its reader write


def lines(page: Path) -> list[str]:
    """The lines of a page that somebody may type, without comments."""
    text = page.read_text(encoding="utf-8")
    shell = "\n".join(blocks(page, "bash") + blocks(page, ""))
    indented = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    return [re.split(r"\s+#", line)[0].strip() for line in [*shell.splitlines(), *indented]]


def typed(page: Path) -> list[str]:
    """The calls of fedwhy: lines that may be typed, and those within a sentence."""
    within = [code.replace("\n", " ") for code in re.findall(r"`(fedwhy [^`]+)`", page.read_text())]
    called = [re.sub(r"^srun ", "", line) for line in lines(page)]
    return [line for line in called if re.match(r"fedwhy( |$)", line)] + within


def parsed(line: str) -> list[str]:
    """Parses a call without doing it, and returns what it sets."""
    name, *arguments = shlex.split(line)[1:]
    command = COMMANDS.commands[name]  # pyright: ignore[reportAttributeAccessIssue]
    try:
        return command.make_context(name, arguments).params.get("changes") or []
    except MissingParameter:
        assert not arguments or name in ("list", "explain"), line  # A sentence names it in short.
        return []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_ones_that_the_program_takes(page):
    for line in typed(page):
        changes = [change for change in parsed(line) if not change.startswith("table.key")]
        files = [ROOT / word for word in shlex.split(line) if word.startswith("examples/")]
        assert all(file.exists() for file in files), line
        if OF_THE_READER not in line:
            assert Experiment.read(files[0] if files else None, changes).tables


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_and_targets_are_there(page):
    for line in lines(page):
        if found := re.match(r"python (?:-m (examples|benchmarks)\.(\w+)|(\S+\.py))", line):
            folder, module, script = found.groups()
            paths = [script] if script else [f"{folder}/{module}.py", f"{folder}/{module}/"]
            assert any((ROOT / path).exists() for path in paths), line
        if found := re.match(r"make (\w+)$", line):
            assert found[1] in MADE, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_experiment_files_are_read(page, tmp_path):
    for number, block in enumerate(blocks(page, "toml")):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        assert Experiment.read(path).tables
