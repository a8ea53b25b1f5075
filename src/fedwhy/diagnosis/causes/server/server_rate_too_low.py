"""FW402: the server goes only a small part of the way that the clients' mean update points."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# A server that keeps going and still makes so little of the mean update wastes the most of it.
SHORT, TINY = 0.4, 0.1
# Models whose parameters move by less in a round hardly train.
STILL = 2e-4
# A loss that has fallen by more is not held up.
LITTLE = 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the server's steps on made-up updates, and in the run beside those of the clients."""
    server, takes = evidence.server, signature(evidence.setup)
    if server is None or not ({"server", "learning_rate", "beta"} & takes.keys()):
        return None
    step = curves.relative(evidence, "step_norm", "aggregate_norm")
    facts = {"ratio": server.ratio, "steady": server.steady, "step_over_aggregate": step}
    loss = curves.losses(evidence)
    slow = not loss or curves.fall(loss) < LITTLE
    gradients = evidence.local is None  # Then the server's rate is the only one there is.
    if gradients:
        if len(loss) < curves.LEAST or curves.fall(loss) > LITTLE or curves.pace(loss) < LITTLE:
            return None
        why = f"the loss goes from {loss[0]:.3g} to {loss[-1]:.3g} only, and is still falling"
        return Suspicion(why, 0.4, facts, edits.server_rate(10.0), standing=False)
    going = max(server.ratio, server.steady)
    if not server.adaptive and going < SHORT:
        return Suspicion(
            f"the server takes {going:.2g} of the mean update in each round",
            0.8 if going < TINY and slow else 0.4,
            facts,
            raised(takes, going),
            severity=Severity.warning if going < TINY else Severity.note,
        )
    still = server.adaptive and server.coordinate < STILL
    short = step is not None and step < TINY
    if not slow or not (still or short):
        return None
    return Suspicion(
        f"the server moves parameters by {server.coordinate:.1g} in a round"
        if still
        else f"the server's step is {step:.1g} times as long as the mean update",
        0.6 if still and (short or step is None) else 0.4,
        facts,
        edits.server_rate(100.0 if server.coordinate < STILL / 10 else 10.0),
        standing=False,
    )


def raised(takes: dict, going: float) -> Edit:
    """The mean update as it is, or as nearly as the algorithm can be told."""
    if "server" in takes:
        return edits.plain_server()
    if "learning_rate" in takes:
        return edits.server_rate(1 / max(going, 1e-6))
    return edits.argument("beta = 1", beta=1.0)


CAUSE = Cause("FW402", "The server learning rate is too low", suspect)
