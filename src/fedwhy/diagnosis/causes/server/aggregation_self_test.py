"""FW412: the aggregation fails what every mean fulfils."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.server.pairwise_averaging import halves, mean_of_all
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.self_test import SelfTest
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# Rounding errors of a sum are far below this.
OFF = 1e-2
# Adaptive steps, which go by signs, still have a cosine of about 0.8 with what they follow.
BACKWARDS = -0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """By what comes of made-up messages: equal ones, in another order, one after another.

    And by the server's first step on a made-up mean update.
    """
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
    if server.along < BACKWARDS:
        return Suspicion(
            "the server moves against the mean update: its step has a cosine of "
            f"{server.along:.2f} with it",
            0.97,
            {"cosine": server.along, "step_over_update": server.ratio},
            along(evidence),
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


def along(evidence: Evidence) -> Edit:
    """The mean update added, where the server's optimizer can be told; else words."""
    if "server" in signature(evidence.setup):
        return edits.plain_server()._replace(code=SIGN)
    return Edit("a server that moves along the mean update", edits.without_change, code=SIGN)


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

SIGN = (
    "server=optax.scale(rate)  ->  server=optax.sgd(rate): optimizers see the negative mean update "
    "as their gradient, and go against it"
)

CAUSE = Cause("FW412", "The aggregation fails its self-test", suspect)
