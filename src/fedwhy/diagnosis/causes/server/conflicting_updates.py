"""FW411: clients want opposite things of the model."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Edit, Suspicion

# Pairs of opposite updates that are a sign, and how far below zero they must be.
PAIRS, BELOW = 0.2, -0.05
LEAST = 3


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the cosines of updates at the initial model, where nobody has settled for anything."""
    if evidence.updates is None:
        cosines = [value for value in evidence.curve("update_cosine") if np.isfinite(value)]
        if not cosines or (mean := float(np.median(cosines))) > BELOW / 2:
            return None
        return Suspicion(
            f"updates of a round have a mean cosine of {mean:.2f}",
            0.3,
            {"cosine": mean},
            models_of_their_own(),
            standing=False,
        )
    updates = evidence.updates[0]
    clients = len(updates.norm)
    if clients < LEAST:
        return None
    pairs = updates.cosine[np.triu_indices(clients, 1)]
    opposite = float(np.mean(pairs < BELOW))
    agree = agreeing(updates)
    if opposite < PAIRS:
        return None
    alone = LEAST <= len(agree) < clients
    return Suspicion(
        f"{opposite:.0%} of the pairs of clients send updates that point away from each other, "
        f"down to a cosine of {pairs.min():.2f}",
        0.5 if float(pairs.mean()) < 0.1 and pairs.min() < 4 * BELOW else 0.3,
        {"opposite_pairs": opposite, "mean": float(pairs.mean()), "least": float(pairs.min())},
        models_of_their_own(),
        edits.only(updates.position[agree]) if alone else None,
        standing=False,
    )


def agreeing(updates: Updates) -> np.ndarray:
    """The places of the larger of two groups, by the sign of the first eigenvector of cosines.

    Two groups that disagree have positive cosines within and negative ones between, for which that
    vector has opposite signs (the relaxation of a cut; Fiedler 1973).
    """
    vector = np.linalg.eigh((updates.cosine + updates.cosine.T) / 2)[1][:, -1]
    positive, negative = np.flatnonzero(vector > 0), np.flatnonzero(vector <= 0)
    return positive if len(positive) >= len(negative) else negative


def models_of_their_own() -> Edit:
    """Two models, of which each client takes the one that fits it."""
    return algorithm("ifca", clusters=2)


CAUSE = Cause("FW411", "The clients' updates contradict each other", suspect)
