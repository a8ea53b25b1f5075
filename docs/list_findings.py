"""Writes `findings.md`, every cause with the beginning of its page: `python docs/list_findings.py`.

`tests/diagnosis/test_pages.py` says when that is to be done anew.
"""

import re
from pathlib import Path
from typing import Any

from fedwhy.diagnosis import Cause
from fedwhy.diagnosis.catalogue import GROUPS

PAGE = Path(__file__).parent / "findings.md"
PAGES = "../src/fedwhy/diagnosis/pages"
HEAD = """# What can be wrong

Every cause that a [diagnosis](diagnosis.md) knows, by its code. `fedwhy explain CODE` shows the
page of one, which says how it looks, how it is recognised and what to do.
"""


def main() -> None:
    """Writes the page."""
    PAGE.write_text(findings_page(), encoding="utf-8")


def findings_page() -> str:
    """A table for each group of causes."""
    return "\n".join([HEAD, *(section(group) for group in GROUPS if group.CAUSES)])


def section(group: Any) -> str:
    """The causes of a group, whose module's docstring is 'FW1xx, what clients hold.'."""
    codes, _, title = group.__doc__.splitlines()[0].rstrip(".").partition(", ")
    causes = sorted(group.CAUSES, key=lambda cause: cause.code)
    rows = [
        f"| [{cause.code}]({PAGES}/{cause.code}.md) | {cause.title} | {first_sentence(cause)} |"
        for cause in causes
    ]
    table = ["| code | cause | what it is |", "| --- | --- | --- |", *rows]
    return "\n".join([f"## {codes}: {title}", "", *table, ""])


def first_sentence(cause: Cause) -> str:
    """The first sentence of a page's first section, as a cell of a table."""
    after = cause.page.partition("## What it is\n")[2]
    paragraph = " ".join(after.strip().split("\n\n")[0].split())
    sentence = re.match(r".*?\.(?= |$)", paragraph)
    text = sentence[0] if sentence else paragraph
    return re.sub(r"\]\((FW\d+\.md)\)", rf"]({PAGES}/\1)", text).replace("|", "\\|")


if __name__ == "__main__":
    main()
