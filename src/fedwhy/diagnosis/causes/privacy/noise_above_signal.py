"""FW703: the noise for privacy drowns what clients say.

Of d parameters, a cohort of m and noise of the standard deviation z C on the sum of clipped
updates, the noise of the mean has the norm `z C sqrt(d) / m` (McMahan et al., "Learning
Differentially Private Recurrent Language Models", ICLR 2018, Algorithm 1). What that does
in a run is in `reach.py`.
"""

import math
from typing import Any, NamedTuple

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy.clipping import clipping_of
from fedwhy.diagnosis.causes.privacy.reach import DROWNED, WEAK, reach
from fedwhy.diagnosis.edits import rounded
from fedwhy.diagnosis.edits.aggregator import piece, pieces_of
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Change, Edit, Settings, Suspicion
from fedwhy.diagnosis.setup import Setup
from fedwhy.privacy import Toeplitz
from fedwhy.simulation.sampling import cohort_size

# How many times the noise what is learned should be: what the prescription aims at.
CLEAR = 5.0


class Noise(NamedTuple):
    """The noise of one piece.

    `multiplier` is its argument called `key`, `norm` that of the mean's noise. It falls with the
    cohort to the power of `exponent`.
    """

    name: str
    key: str
    multiplier: float
    norm: float
    exponent: float


def suspect(evidence: Evidence) -> Suspicion | None:
    """Noise that goes as far in the run as what is learned.

    It is that with the best clipping norm: noise for a norm that is too high is another cause.
    """
    noise = noise_of(evidence)
    if noise is None or evidence.updates is None:
        return None
    setup = evidence.setup
    signal = clipped_signal(evidence, evidence.updates[0])
    ratio = reach(evidence.updates[0], signal, noise.norm, setup.rounds)
    if not ratio < WEAK:
        return None
    drowned = ratio < DROWNED
    return Suspicion(
        f"The noise of a round's mean has the norm {noise.norm:.3g}, what clients agree on "
        f"{signal:.3g}: what the model can learn in {setup.rounds} rounds is "
        f"{ratio:.2g} times as long as the noise in it",
        0.85 if drowned else 0.4,
        {
            "noise_norm": noise.norm,
            "signal_norm": signal,
            "learned_over_noise": ratio,
            "parameters": evidence.updates[0].parameters,
            "cohort": cohort_size(setup.cohort, setup.clients.clients),
        },
        quieter(setup, noise, CLEAR / ratio),
        standing=drowned,
    )


def noise_of(evidence: Evidence) -> Noise | None:
    """The independent noise that the setup's aggregator adds to a mean, with the best clipping."""
    setup, there = evidence.setup, pieces_of(evidence.setup)
    if evidence.updates is None:
        return None
    parameters = math.sqrt(evidence.updates[0].parameters)
    if "noise" in there:
        std = there["noise"].arguments["std"]
        return Noise("noise", "std", std, std * parameters, 0.0)
    clipping, release = clipping_of(evidence), setup.algorithm.aggregator.privacy
    if clipping is None or release is None or release.correlation != Toeplitz():
        return None
    norm = min(clipping.norm, clipping.medians[0])
    each = release.noise_multiplier * norm * parameters
    cohort = release.cohort or cohort_size(setup.cohort, setup.clients.clients)
    exponent = 0.5 if release.local else 1.0
    return Noise(
        clipping.name,
        "noise_multiplier",
        release.noise_multiplier,
        each / cohort**exponent,
        exponent,
    )


def clipped_signal(evidence: Evidence, initial: Updates) -> float:
    """The norm of the mean of what clients train first, as far as clipping leaves it."""
    clipping = clipping_of(evidence)
    left = 1.0 if clipping is None else min(1.0, clipping.norm / clipping.medians[0])
    return initial.mean_norm * left


def quieter(setup: Setup, noise: Noise, factor: float) -> Edit:
    """Noise that is so many times less: by larger cohorts as far as there are clients, then less.

    Less noise guarantees less: the edit says so.
    """
    now = cohort_size(setup.cohort, setup.clients.clients)
    cohort = now
    if noise.exponent:
        cohort = min(setup.clients.clients, math.ceil(now * factor ** (1 / noise.exponent)))
    left = factor / (cohort / now) ** noise.exponent
    multiplier = rounded(noise.multiplier / left) if left > 1.01 else noise.multiplier
    options: dict[str, Any] = {noise.key: multiplier}
    if noise.name == "private_mean":
        options["cohort"] = cohort
    told = []
    if cohort > now:
        told.append(f"cohorts of {cohort} clients")
    if multiplier < noise.multiplier:
        told.append(f"{noise.key} = {multiplier:g}, which hides clients less")
    changed = piece(" and ".join(told), noise.name, **options)

    def apply(setup: Setup) -> Setup:
        return changed.apply(setup).changed(cohort=cohort)

    def changes(settings: Settings) -> tuple[Change, ...]:
        larger = (Change("train", "cohort", cohort),) if cohort > now else ()
        return (*larger, *changed.changes(settings))

    return Edit(
        changed.what,
        apply,
        changes,
        f"fedwhy privacy --population {setup.clients.clients} --cohort {cohort} "
        f"--rounds {setup.rounds} --epsilon 8  # what noise a promise needs",
    )


CAUSE = Cause("FW703", "The noise for privacy drowns what clients say", suspect)
