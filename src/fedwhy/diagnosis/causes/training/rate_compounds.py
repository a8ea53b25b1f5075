"""FW308: the learning rate compounds, from client to client or from round to round."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.local import factor
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

# A factor that is so many times smaller, or larger, half way through the run left too early.
GONE, GROWN = 100.0, 3.0
# Clients whose factors differ by less are treated alike.
APART = 3.0
POINTS = 8


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying `LocalSGD.rate` in other rounds and at other clients, and everything twice."""
    setup, local = evidence.setup, evidence.local
    if local is None:
        return None
    if not local.pure:
        return Suspicion(
            "the client's optimizer answers the same gradient in another way when it is asked "
            "again, so it remembers clients that trained before",
            0.95,
            {"pure": False},
            remade_for_each_client(),
            severity=Severity.error,
        )
    if setup.local.rate is None:
        return None
    if factor(setup) != factor(setup):
        return Suspicion(
            "LocalSGD.rate gives another factor when it is asked again for the same client",
            0.95,
            {"pure": False},
            edits.local("no factor of the rate", rate=None),
            severity=Severity.error,
        )
    return over_clients(setup) or over_rounds(setup)


def over_clients(setup: Setup) -> Suspicion | None:
    """Factors that rise or fall by the same share from each client to the next."""
    positions = np.unique(np.linspace(0, setup.clients.clients - 1, POINTS).astype(int))
    factors = np.array([factor(setup, position=int(position)) for position in positions])
    if len(positions) < 3 or (factors <= 0).any() or factors.max() < APART * factors.min():
        return None
    linear = abs(float(np.corrcoef(positions, np.log(factors))[0, 1]))
    if linear < 0.99:
        return None
    return Suspicion(
        f"the factor of the rate goes from {factors[0]:.3g} at the first client to "
        f"{factors[-1]:.3g} at the last, by the same share from each to the next",
        0.85,
        {"positions": positions.tolist(), "factors": factors.tolist()},
        edits.constant_rate(),
    )


def over_rounds(setup: Setup) -> Suspicion | None:
    """A factor that has all but vanished half way, or has grown by then and goes on growing."""
    rounds = sorted({1, max(1, setup.rounds // 2), setup.rounds})
    factors = [factor(setup, round=number) for number in rounds]
    first, half, last = factors[0], factors[len(factors) // 2], factors[-1]
    vanishes = half * GONE < first
    grows = first > 0 and half > GROWN * first and last > GROWN * half
    if not (vanishes or grows):
        return None
    return Suspicion(
        f"the factor of the rate goes from {first:.3g} in round 1 to {half:.3g} in round "
        f"{rounds[len(rounds) // 2]} and {last:.3g} in round {rounds[-1]}",
        0.75,
        {"rounds": rounds, "factors": factors},
        edits.constant_rate(),
    )


def remade_for_each_client() -> Edit:
    """A pure optimizer, which only its author can make."""
    return Edit(
        "an optimizer that keeps nothing outside of its state",
        edits.without_change,
        code="state that a function changes outside of itself  ->  optimizer state that init "
        "returns and update returns anew",
    )


CAUSE = Cause("FW308", "The learning rate compounds over clients or rounds", suspect)
