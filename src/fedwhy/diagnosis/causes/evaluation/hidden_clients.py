"""FW505: the mean hides clients for whom the model does not work."""

import math

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm, replaceable
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

GAP, BEYOND = 0.25, 0.15
DECILE = 1.75  # Standard deviations of a normal variable that the mean of its worst tenth lies off.
USEFUL = 0.4


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where the worst tenth of the clients lie further back than chance has it."""
    kind = next((k for k in ("personal", "clients") if evidence.curve(f"{k}_accuracy")), None)
    tested = evidence.setup.test_clients
    if kind is None or tested is None or not evidence.curve(f"{kind}_accuracy_worst_decile"):
        return None
    mean, worst = (evidence.curve(f"{kind}_accuracy{s}")[-1] for s in ("", "_worst_decile"))
    if tested.clients < 5 or mean < USEFUL or not math.isfinite(mean):
        return None
    chance = DECILE * math.sqrt(mean * (1 - mean) / float(np.median(tested.sizes)))
    gap = mean - worst
    if gap < GAP or gap - chance < BEYOND:
        return None
    remedies = remedies_for(evidence.setup)
    return Suspicion(
        why=f"the mean accuracy over clients is {mean:.0%}, that of the worst tenth {worst:.0%}: "
        f"{gap:.0%} less, where chance makes about {chance:.0%}",
        confidence=round(min(0.8, 0.3 + gap - chance), 2),
        evidence={"mean": mean, "worst_decile": worst, "by_chance": chance},
        prescription=next(iter(remedies), None),
        severity=Severity.note,
        others=remedies[1:],
    )


def remedies_for(setup: Setup) -> tuple[Edit, ...]:
    """Models of the clients' own, and an algorithm that gives a high loss more weight.

    Models of their own are for runs that are judged by examples that clients hold out. On a test
    set of all, or what they train with, such a model says nothing.
    """
    if not replaceable(setup):
        return ()
    judged_alone = setup.test is None and setup.test_clients is not setup.clients
    own = (algorithm("ditto"), algorithm("apfl")) if judged_alone else ()
    return *own, algorithm("qffl", q=1.0)


CAUSE = Cause("FW505", "The mean hides clients that are served badly", suspect)
