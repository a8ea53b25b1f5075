"""FW407: so few clients take part in a round that its mean says little of all."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.simulation.samplers import Asynchronous

# Cohorts of fewer clients are the matter; from so many on the mean is steady enough.
FEW, ENOUGH = 3, 10
# The share of the population below which a cohort leaves most out.
PART = 0.34


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the size of cohorts, and how the loss swings from round to round."""
    setup, drawn = evidence.setup, evidence.participation
    if drawn is None or isinstance(setup.sampler, Asynchronous):
        return None
    clients = setup.clients.clients
    came = float(drawn.times.sum()) / drawn.rounds
    if came >= min(ENOUGH, PART * clients):
        return None
    swings = curves.swings(curves.losses(evidence), 0.05)
    few = came < FEW
    jumps = f"; the loss jumps up in {swings:.0%} of its evaluations" if swings > 0.2 else ""
    return Suspicion(
        f"{came:.3g} of {clients} clients take part in a round{jumps}",
        0.6 if few and jumps else 0.35 if few or jumps else 0.2,
        {"clients": came, "population": clients, "swings": swings},
        edits.cohort(enough(clients, came)),
        severity=Severity.note,
        standing=few,
    )


def enough(clients: int, came: float) -> int:
    """How many of so many `clients` are enough for a round, where `came` are too few."""
    return min(clients, max(ENOUGH, round(5 * came)))


CAUSE = Cause("FW407", "Too few clients take part in a round", suspect)
