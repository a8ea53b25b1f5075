"""FW408: the same clients take part again and again, and others never."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.server.too_few_clients import ENOUGH, enough
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.participation import Participation
from fedwhy.diagnosis.finding import Edit, Suspicion

# Uniform sampling would reach nearly twice as many clients, or more.
FEWER = 0.6


def suspect(evidence: Evidence) -> Suspicion | None:
    """By drawing the cohorts of the run's first rounds, with its sampler and its clock."""
    drawn = evidence.participation
    if drawn is None or drawn.rounds < 2:
        return None
    left_out = len(drawn.times) - drawn.seen
    if drawn.seen > FEWER * drawn.expected or not left_out:
        return None
    prescriptions = drawn_from_all(drawn)
    late = f"; {drawn.late:.0%} of the work comes too late" if drawn.late > 0.1 else ""
    return Suspicion(
        f"in the first {drawn.rounds} rounds {drawn.seen} of {len(drawn.times)} clients take part, "
        f"where uniform sampling would reach about {drawn.expected:.0f}{late}",
        0.8,
        {
            "seen": drawn.seen,
            "expected": drawn.expected,
            "rounds": drawn.rounds,
            "late": drawn.late,
        },
        prescriptions[0],
        others=prescriptions[1:],
    )


def drawn_from_all(drawn: Participation) -> tuple[Edit, ...]:
    """A uniform draw, of as many clients as now, and where these are few, first of enough.

    Where always the same few took part, their cohort was as small as they are few.
    """
    clients, came = len(drawn.times), drawn.times.sum() / drawn.rounds
    if came >= min(ENOUGH, clients):
        return (edits.uniform_sampling(),)
    return edits.drawn_anew(enough(clients, came)), edits.uniform_sampling()


CAUSE = Cause("FW408", "The same clients take part in every round", suspect)
