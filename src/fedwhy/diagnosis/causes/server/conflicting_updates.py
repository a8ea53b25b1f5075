"""FW411: clients want opposite things of the model."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm
from fedwhy.diagnosis.edits.clients import without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.diagnosis.finding import Edit, Suspicion

# Pairs of opposite updates that are a sign, and how far below zero they must be.
PAIRS, BELOW = 0.2, -0.05
LEAST = 3
# Mean cosines within two groups of clients, and between them at the trained model. The labels of
# clients that skew explains are further apart than this.
WITHIN, BETWEEN, ALIKE = 0.3, -0.3, 0.3


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the cosines of updates at the initial model, where nobody has settled for anything.

    Surely where clients of the same labels fall into two groups with opposite updates.
    """
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
    if (found := opposed(evidence)) is not None:
        return found
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


def opposed(evidence: Evidence) -> Suspicion | None:
    """Two groups with the same labels that pull the trained model in opposite directions.

    The same groups must be apart with the initial model: where all have the same task, there is
    no group then, and what is left at the end is noise.
    """
    skew = evidence.data.label_skew
    if evidence.updates is None or skew is None or skew >= ALIKE:
        return None
    first, trained = evidence.updates
    larger = np.isin(np.arange(len(trained.norm)), agreeing(trained))
    if min(larger.sum(), (~larger).sum()) < 2 or len(first.norm) != len(larger):
        return None
    within, between = of_groups(trained.cosine, larger)
    within_first, between_first = of_groups(first.cosine, larger)
    apart = within_first - between_first > WITHIN
    if not (apart and within > WITHIN and between < BETWEEN):
        return None
    sides = [trained.position[side].tolist() for side in (~larger, larger)]
    return Suspicion(
        f"{larger.sum()} and {(~larger).sum()} clients hold the same labels and pull the trained "
        f"model in opposite directions: updates have a mean cosine of {within:.2f} within these "
        f"groups, and of {between:.2f} between them",
        0.85,
        {"within": within, "between": between, "smaller_group": sides[0]},
        without_clients(sides[0], evidence.setup),
        others=(without_clients(sides[1], evidence.setup), models_of_their_own()),
    )


def of_groups(cosine: np.ndarray, larger: np.ndarray) -> tuple[float, float]:
    """The mean cosine of pairs within two groups, and of those between them."""
    same = larger[:, None] == larger[None]
    return float(cosine[same & ~np.eye(len(larger), dtype=bool)].mean()), float(
        cosine[~same].mean()
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
