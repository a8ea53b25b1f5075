"""FW403: an adaptive server optimizer has the rate that a plain one would need."""

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Suspicion

# Weights are a tenth or so; a round that moves each of them by more forgets what they were.
FAR = 0.25
# Reddi et al. 2021 find rates of 10^-2 to 10^-1 best nearly everywhere.
USUAL = 0.01


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying the server optimizer on made-up updates, with small and with large numbers."""
    server, takes = evidence.server, signature(evidence.setup)
    if server is None or not server.adaptive or not server.coordinate > FAR:
        return None
    if not ({"server", "learning_rate"} & takes.keys()):
        return None
    return Suspicion(
        "the server optimizer is adaptive: whatever clients send, a round moves every parameter "
        f"by up to {server.coordinate:.2g}",
        0.9,
        {"move": server.coordinate, "ratio": server.ratio},
        edits.server_rate(edits.rounded(USUAL / server.coordinate)),
        # Steps of one size for all weights do not suit every model, such as deep normalised ones.
        others=(edits.plain_server(),) if "server" in takes else (),
    )


CAUSE = Cause("FW403", "An adaptive server optimizer has the learning rate of a plain one", suspect)
