"""FW412: the aggregation fails what every mean fulfils."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.server.pairwise_averaging import halves, mean_of_all
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.self_test import SelfTest
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# Rounding errors of a sum are far below this.
OFF = 1e-2


def suspect(evidence: Evidence) -> Suspicion | None:
    """By what comes of made-up messages: equal ones, in another order, one after another."""
    server = evidence.server
    if server is None or (server.test is not None and halves(server.test)):
        return None
    if server.ratio == 0:
        return Suspicion(
            "the server's weights do not move, whatever the aggregate is",
            0.95,
            {"step_over_update": 0.0},
            Edit("a server that steps", edits.without_change, code=STEPS),
            severity=Severity.error,
        )
    if server.test is None or not (failed := failure(server.test)):
        return None
    return Suspicion(
        failed,
        0.95,
        server.test._asdict(),
        mean_of_all(evidence)._replace(code=CODE),
        severity=Severity.error,
    )


def failure(test: SelfTest) -> str:
    """What the aggregation does that no mean does; nothing where it is one."""
    if test.equal > OFF:
        return (
            f"where all clients send the same update, the aggregate is {test.equal:.0%} off: "
            f"shares add up to {sum(test.shares):.3g} instead of 1"
        )
    apart = float(np.max(np.abs(np.subtract(test.shares, test.reversed))))
    if apart > OFF:
        return f"a client's share changes by {apart:.2f} with the order in which messages arrive"
    return ""


CODE = (
    "an aggregator of your own  ->  fw.aggregators.mean(), or check yours: equal updates must come "
    "back unchanged, in any order, and no message may overwrite another"
)
STEPS = (
    "Algorithm(..., server=...)  ->  return server._replace(weights=...), with the aggregate in it"
)

CAUSE = Cause("FW412", "The aggregation fails its self-test", suspect)
