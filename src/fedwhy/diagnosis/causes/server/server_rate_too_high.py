"""FW401: the server goes further than the clients' mean update."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.server.adaptive_server_at_one import FAR as FAR_BEYOND
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts import curves
from fedwhy.diagnosis.finding import Severity, Suspicion

# A plain server that goes this much further than the mean overshoots; so long are steps by
# momentum of 0.95, and so far does an adaptive one move a parameter that starts from nothing.
BEYOND, MOST_MOMENTUM, FAR = 1.5, 20.0, 0.05


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the server's steps on made-up updates, and in the run beside those of the clients."""
    server, takes = evidence.server, signature(evidence.setup)
    if server is None or not ({"server", "learning_rate"} & takes.keys()):
        return None
    if server.adaptive and server.coordinate > FAR_BEYOND:  # That is FW403.
        return None
    step = curves.relative(evidence, "step_norm", "aggregate_norm")
    facts = {"ratio": server.ratio, "steady": server.steady, "step_over_aggregate": step}
    gradients = evidence.local is None  # Then the server's rate is the only one there is.
    swinging = swings(evidence)
    long_way = server.ratio > BEYOND or server.steady > MOST_MOMENTUM
    if long_way and not server.adaptive and not gradients:
        return Suspicion(
            f"the server's step is {max(server.ratio, server.steady):.3g} times as long as the "
            "mean update",
            0.75 if server.ratio > 2 * BEYOND or swinging else 0.5,
            facts,
            edits.plain_server()
            if "server" in takes
            else edits.server_rate(1 / max(server.ratio, server.steady)),
            severity=Severity.warning,
        )
    long = step is not None and step > (3.0 if server.adaptive else BEYOND)
    far = server.adaptive and server.coordinate > FAR
    if not swinging or not (long or far or gradients or server.steady > BEYOND):
        return None
    how = f"the server's step is {step:.2g} times as long as the mean update, and " if step else ""
    return Suspicion(
        how + swinging,
        0.55 if long else 0.35,
        facts,
        edits.server_rate(0.1),
        standing=False,
    )


def swings(evidence: Evidence) -> str:
    """How the global loss swings or rises; nothing where it does not."""
    loss = curves.losses(evidence)
    if curves.diverged(evidence):
        return "numbers of the run are no longer finite"
    if len(loss) < curves.LEAST:
        return ""
    if curves.fall(loss) < 0.0:
        return f"the global loss goes from {loss[0]:.3g} to {loss[-1]:.3g}"
    if (share := curves.swings(loss)) >= 0.3:
        return f"the global loss jumps up in {share:.0%} of its evaluations"
    return ""


CAUSE = Cause("FW401", "The server learning rate is too high", suspect)
