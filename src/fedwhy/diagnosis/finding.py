"""`Finding`: one thing that is wrong with a run, how sure that is, and what to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from fedwhy.diagnosis.setup import Setup

Settings = Mapping[str, Mapping[str, Any]]


class Severity(StrEnum):
    """How bad it is.

    An `error` makes the run useless or far worse than it could be, a `warning` costs it something
    or may, a `note` is worth knowing.
    """

    error = "error"
    warning = "warning"
    note = "note"


class Change(NamedTuple):
    """One key of the experiment file and its new value; None takes the key out."""

    table: str
    key: str
    value: Any


class Edit(NamedTuple):
    """One thing changed in a run: a counterfactual, and where it can be kept, a prescription.

    - `what`: the run with it, as words that follow "with" ("inputs divided by 255")
    - `apply(setup) -> setup`: the changed run. It raises `ParameterError` where it does not fit
    - `changes(settings)`: the same as changes to the experiment file whose tables are `settings`;
      empty where no key says it
    - `code`: what to change in the user's own code, quoted, where the fault is there
    """

    what: str
    apply: Callable[[Setup], Setup]
    changes: Callable[[Settings], tuple[Change, ...]] = lambda settings: ()
    code: str = ""


class Suspicion(NamedTuple):
    """What a cause says of a run before anything is proved.

    - `why`: one sentence with the numbers of this run that gave rise to it
    - `confidence`: how likely it is the cause of trouble, if there is trouble, from 0 to 1. What
      only this cause can look like has 0.9 and more, what several causes look like 0.5 and less
    - `evidence`: the numbers, ready for JSON
    - `prescription`: what to change, or None where nothing can be
    - `counterfactual`: what removes the cause to prove it, where that is not the prescription
      (dealing the data anew proves a skew, and cures no deployment)
    - `severity`: what it is without any proof. `error` only for what cannot work whatever else is
      changed, such as inputs that are not numbers
    - `standing`: whether it is a finding where probes prove nothing. A suspicion from the shape of
      a curve is none
    - `others`: further prescriptions, stronger or milder ones, tried where the first recovers
      nothing, and for the best repair once the cause is proved
    """

    why: str
    confidence: float
    evidence: dict[str, Any]
    prescription: Edit | None = None
    counterfactual: Edit | None = None
    severity: Severity = Severity.warning
    standing: bool = True
    others: tuple[Edit, ...] = ()

    @property
    def prescriptions(self) -> tuple[Edit, ...]:
        """Every prescription, the first guess first."""
        first = () if self.prescription is None else (self.prescription,)
        return (*first, *self.others)

    @property
    def probes(self) -> tuple[Edit, ...]:
        """What may be run to prove it, one after another; empty where nothing can be."""
        return self.prescriptions if self.counterfactual is None else (self.counterfactual,)


class Finding(NamedTuple):
    """One cause of trouble in a run, as it is reported.

    `confirmed` says whether a run without it did better, beyond the noise of the seed;
    `recovered` is by how much, in points of the score from 0 to 1, where it was run.
    """

    code: str
    title: str
    severity: Severity
    confidence: float
    confirmed: bool
    why: str
    evidence: dict[str, Any]
    prescription: Edit | None
    recovered: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain values, ready for JSON."""
        edit = self.prescription
        return {
            **{name: value for name, value in self._asdict().items() if name != "prescription"},
            "severity": str(self.severity),
            "prescription": None if edit is None else {"what": edit.what, "code": edit.code},
        }
