"""`diagnose`: suspects causes, proves them by counterfactual runs, and says what to change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fedwhy.diagnosis.catalogue import CAUSES
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.clients import without_the_left_out
from fedwhy.diagnosis.edits.data import were
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Examination, Updates
from fedwhy.diagnosis.finding import Edit, Finding, Severity, Suspicion
from fedwhy.diagnosis.search.probing import (
    CERTAIN,
    NEAR,
    SURE,
    TROUBLE,
    Probe,
    Proof,
    Search,
    Suspected,
    central,
    find_causes,
)
from fedwhy.diagnosis.search.runs import Outcome, Runs
from fedwhy.diagnosis.setup import Setup
from fedwhy.diagnosis.verdict import Scores, verdict
from fedwhy.engine import keep_compiled_programs
from fedwhy.errors import ParameterError, number
from fedwhy.federated import trees

# What a cause must cost to be an error, in points of the score.
COSTLY = 0.1
# Rounds of a run while causes are looked for: at most, and at least.
MOST_ROUNDS, LEAST_ROUNDS = 30, 5
# The share of the budget that one run may take, compilation left out.
SHARE = 1 / 40
# Causes that lie in who holds what.
HOLDINGS = ("FW101", "FW102", "FW103", "FW113")
ORDER = {Severity.error: 0, Severity.warning: 1, Severity.note: 2}


@dataclass(frozen=True, repr=False)
class Diagnosis:
    """What is wrong with a run, how that is known, and the run without it.

    - `findings`: by severity, of which the confirmed ones first, in the order in which they were
      repaired, then the others by confidence
    - `probes`: every counterfactual run
    - `baseline_accuracy`, `centralised_accuracy`, `repaired_accuracy`: scores of the run as it is,
      of the same training with all examples at one place, and of the repaired run, from 0 to 1
      (see `runs.Outcome`), after `rounds` rounds; None where it was not run
    - `repaired`: the repaired run's setup, None where nothing was confirmed or nothing cures it;
      `repairs` are the prescriptions in it, in order
    - `seconds`: what the diagnosis took
    """

    setup: Setup
    findings: tuple[Finding, ...]
    evidence: Evidence
    probes: tuple[Probe, ...] = ()
    rounds: int = 0
    baseline: Outcome | None = None
    central: Outcome | None = None
    repaired_run: Outcome | None = None
    repaired: Setup | None = None
    repairs: tuple[Edit, ...] = ()
    seconds: float = 0.0

    def __repr__(self) -> str:
        """The verdict, and each finding with what it is known by."""
        lines = [self.verdict]
        for finding in self.findings:
            proved = "proved" if finding.confirmed else "not proved"
            lines += ["", f"{finding.code} {finding.title} ({finding.severity}, {proved})"]
            lines.append(f"    {finding.why}")
        return "\n".join(lines)

    @property
    def baseline_accuracy(self) -> float | None:
        """The score of the run as it is."""
        return None if self.baseline is None else self.baseline.score

    @property
    def centralised_accuracy(self) -> float | None:
        """The score of the same training with all examples at one place."""
        return None if self.central is None else self.central.score

    @property
    def repaired_accuracy(self) -> float | None:
        """The score of the repaired run."""
        return None if self.repaired_run is None else self.repaired_run.score

    @property
    def scores(self) -> Scores:
        """How the run does, all examples at one place, and the repaired run."""
        run = None if self.baseline is None else self.baseline.run
        measured = () if run is None else run.history[-1]
        accuracy = not measured or any(name.endswith("accuracy") for name in measured)
        return Scores(
            self.baseline_accuracy,
            self.centralised_accuracy,
            self.repaired_accuracy,
            "accuracy" if accuracy else "explained variance",
            self.evidence.data.guessed if run is not None and accuracy else 0.0,
        )

    @property
    def verdict(self) -> str:
        """What is wrong, and what it costs, in one plain sentence or two."""
        return verdict(
            self.findings,
            self.scores,
            error=self.evidence.error,
            diverged=self.baseline is not None and self.baseline.diverged,
            tested=self.setup.test is not None,
        )


def diagnose_setup(
    setup: Setup, *, probes: bool = True, budget: float = 120.0, rounds: int | None = None
) -> Diagnosis:
    """Diagnoses a run by running it, and others that differ from it in one thing each.

    Without `probes` nothing is trained: what the data, the model and the settings tell is all.
    `budget` is in seconds; the search ends when another run might not fit into it. Runs have
    `rounds` rounds, by default those of the setup, or as many fewer as the budget asks for.

    Raises `ParameterError` for a budget that is no positive number.
    """
    number("budget", budget, above=0)
    started = time.monotonic()
    keep_compiled_programs()
    evidence = Evidence(setup)
    if not probes:
        return looked_at(evidence, started)

    runs = Runs(budget, rounds or min(setup.rounds, MOST_ROUNDS))
    baseline = runs.run((), setup, setup.seed)
    if rounds is None:
        runs = affordable(runs, baseline, budget)
        baseline = runs.run((), setup, setup.seed)
    evidence.history, evidence.error = baseline.history or None, baseline.error
    evidence.updates = examined(setup, baseline)
    pooled = central(setup, runs)
    bounds = baseline.score, pooled.score if pooled else 0.0
    found = Search(setup, runs, partial(look, evidence), max(bounds), evidence.data.guessed)
    find_causes(found)
    suspected = found.suspected.values()
    proofs = {proof.cause.code for proof in found.proofs}
    confirmed = tuple(proved(proof) for proof in found.proofs)
    rest = unproved([pair for pair in suspected if pair[0].code not in proofs], found.probes)
    return Diagnosis(
        setup,
        ordered((*confirmed, *rest)),
        evidence,
        probes=tuple(found.probes),
        rounds=min(runs.rounds, setup.rounds),
        baseline=baseline,
        central=pooled,
        repaired_run=found.repaired_run(),
        repaired=found.repaired,
        repairs=tuple(proof.repair for proof in found.proofs if proof.repair is not None),
        seconds=time.monotonic() - started,
    )


def looked_at(evidence: Evidence, started: float) -> Diagnosis:
    """The diagnosis by the evidence that there is, without any run."""
    findings = unproved(suspicions(evidence), proved=(), guesses=evidence.history is not None)
    seconds = time.monotonic() - started
    return Diagnosis(evidence.setup, findings, evidence, seconds=seconds)


def examined(
    setup: Setup, baseline: Outcome, there: np.ndarray | None = None
) -> tuple[Updates, Updates] | None:
    """What clients send with the initial and with the trained model; None where it cannot be had.

    That is where the run was refused, and where an algorithm has several models. `there` int
    `[clients]` is where each client was in that run, which has kept its state; None if where it is.
    """
    run = baseline.run
    if run is None:
        return None
    try:
        examination = Examination(setup)
    except ParameterError:
        return None
    server = examination.rounds.place(run.server)
    first = examination(examination.server, 1)
    states = run.states if there is None else trees.row(run.states, there)
    return first, examination(server, run.history[-1]["round"] + 1, states)


def look(
    evidence: Evidence, setup: Setup, outcome: Outcome
) -> tuple[list[Suspected], float | None]:
    """What a run shows, see `Look`; `evidence` is that of the run which is diagnosed."""
    if setup is evidence.setup:
        return suspicions(evidence), evidence.data.readable
    seen = without_the_left_out(setup)
    there = None if seen is setup else were(seen.clients.ids, setup.clients.ids)
    sent = examined(seen, outcome, there)
    evidence = Evidence(seen, outcome.history or None, sent, outcome.error)
    found = suspicions(evidence)
    if seen is not setup:  # That clients lack what those hold who are left out is no news.
        found = [(cause, suspicion) for cause, suspicion in found if cause.code not in HOLDINGS]
    return found, evidence.data.readable


def suspicions(evidence: Evidence) -> list[tuple[Cause, Suspicion]]:
    """What the causes suspect by this evidence."""
    asked = ((cause, cause.suspect(evidence)) for cause in CAUSES.values())
    return [(cause, suspicion) for cause, suspicion in asked if suspicion is not None]


def affordable(runs: Runs, baseline: Outcome, budget: float) -> Runs:
    """`runs`, of fewer rounds where one takes too large a share of the budget."""
    seconds = [record["seconds"] for record in baseline.history[2:] if "seconds" in record]
    if not seconds:
        return runs
    rounds = max(LEAST_ROUNDS, int(budget * SHARE / max(sorted(seconds)[len(seconds) // 2], 1e-9)))
    if rounds >= runs.rounds:
        return runs
    shorter = Runs(budget, rounds, runs.began)
    shorter.longest = runs.longest
    return shorter


def proved(proof: Proof) -> Finding:
    """The finding of a confirmed cause: as bad as what it costs."""
    return Finding(
        proof.cause.code,
        proof.cause.title,
        proved_severity(proof),
        max(0.9, proof.suspicion.confidence),
        confirmed=True,
        why=proof.suspicion.why,
        evidence=dict(proof.suspicion.evidence),
        prescription=proof.repair,
        recovered=proof.recovered,
    )


def proved_severity(proof: Proof) -> Severity:
    """How bad a confirmed cause is: an error where it costs much, and a note where it costs little.

    What is there for certain, or costs something in between, is as bad as the cause says.
    """
    if proof.recovered >= COSTLY:
        return Severity.error
    little = proof.recovered < TROUBLE and proof.suspicion.confidence < CERTAIN
    return Severity.note if little else proof.suspicion.severity


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings by severity, of which the confirmed ones first.

    What is neither confirmed nor sure counts as less severe.
    """

    def place(finding: Finding) -> tuple[int, bool]:
        doubtful = not finding.confirmed and finding.confidence < SURE
        return ORDER[finding.severity] + doubtful, not finding.confirmed

    return tuple(sorted(findings, key=place))


def unproved(
    suspected: Sequence[tuple[Cause, Suspicion]], proved: Sequence[Probe], guesses: bool = False
) -> tuple[Finding, ...]:
    """The findings that no probe has confirmed: notes where a probe could have.

    What made the run worse is not prescribed.
    With `guesses`, those that only a probe could have made findings are notes, too.
    """
    best: dict[str, float] = {}
    for probe in proved:
        if probe.error is None:
            best[probe.code] = max(probe.recovered, best.get(probe.code, probe.recovered))
    findings = [
        Finding(
            cause.code,
            cause.title,
            unproved_severity(suspicion, probed=cause.code in best),
            suspicion.confidence * (0.5 if doubted(suspicion, cause.code in best) else 1.0),
            confirmed=False,
            why=suspicion.why,
            evidence=dict(suspicion.evidence),
            prescription=None if best.get(cause.code, 0.0) < -NEAR else suspicion.prescription,
            recovered=best.get(cause.code),
        )
        for cause, suspicion in suspected
        if suspicion.standing or guesses
    ]
    return tuple(sorted(findings, key=lambda f: (ORDER[f.severity], -f.confidence)))


def doubted(suspicion: Suspicion, probed: bool) -> bool:
    """Whether a probe that found nothing speaks against it.

    What was recognised for certain is there, whether it costs accuracy or not.
    """
    return probed and suspicion.confidence < CERTAIN


def unproved_severity(suspicion: Suspicion, probed: bool) -> Severity:
    """How bad a cause is that is not confirmed: where a probe found nothing, mostly a note."""
    guess = not suspicion.standing or doubted(suspicion, probed)
    return Severity.note if guess and suspicion.severity is Severity.warning else suspicion.severity
