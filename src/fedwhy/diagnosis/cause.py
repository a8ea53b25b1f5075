"""`Cause`: one entry of the catalogue of what can be wrong with a federated model."""

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import NamedTuple

from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion


class Cause(NamedTuple):
    """A cause of trouble, and how it is recognised.

    - `code`: stable, `FW` and three digits, the first of which is its group
    - `title`: what is the case, as a sentence without its full stop
    - `suspect(evidence) -> Suspicion | None`, a pure function. It returns None where the evidence
      it needs is not there yet, as a run's history is not before the run

    Its page, `pages/CODE.md`, is for somebody in trouble.
    """

    code: str
    title: str
    suspect: Callable[[Evidence], Suspicion | None]

    @property
    def page(self) -> str:
        """The page about it, Markdown."""
        return page_of(self.code)


@cache
def page_of(code: str) -> str:
    """The page about a code, Markdown."""
    return (resources.files("fedwhy.diagnosis") / "pages" / f"{code}.md").read_text("utf-8")
