"""FW406: a few clients hold nearly all weight of the mean, so that the others are not heard."""

import numpy as np

from fedwhy.aggregators import capped
from fedwhy.data.skew import effective_clients
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.server import reweighted, signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Change, Edit, Severity, Suspicion

# The share of the clients that count, below which the mean is that of a few.
COUNT, FEW = 0.4, 0.2
# How many count of those that would if clients weighed by their examples: fewer are weighed oddly.
ODD = 0.7


def suspect(evidence: Evidence) -> Suspicion | None:
    """By how many clients of equal weight would be as even as those that there are."""
    setup, server = evidence.setup, evidence.server
    if server is None or server.shares is None or "weighting" not in signature(setup):
        return None
    shares = server.shares
    count = effective_clients(shares) / len(shares)
    silent = int(np.count_nonzero(shares < 0.1 / len(shares)))
    odd = count < ODD * effective_clients(setup.clients.sizes) / len(shares)
    if count > COUNT and not odd:
        return None
    smaller = float(np.sort(shares)[: len(shares) // 2].sum())
    return Suspicion(
        f"the mean counts as many clients as {count * len(shares):.1f} of the {len(shares)}: the "
        f"smaller half weighs {smaller:.1%} together, and {silent} less than a tenth of their part",
        0.5 if odd or count < FEW else 0.35,
        {"effective_clients": count * len(shares), "smaller_half": smaller, "silent": silent},
        at_most(2 * float(np.median(setup.clients.sizes))),
        edits.weighted("every client counting alike", "uniform"),
        severity=Severity.warning if count < FEW else Severity.note,
    )


def at_most(examples: float) -> Edit:
    """Clients that count by their examples, but no more than so many."""
    cap = edits.rounded(examples)
    return Edit(
        f"clients that count with at most {cap:g} examples",
        lambda setup: reweighted(setup, capped(cap)),
        lambda settings: (
            Change("algorithm", "weighting", "capped"),
            Change("algorithm", "cap", cap),
        ),
    )


CAUSE = Cause("FW406", "The weighted mean silences small clients", suspect)
