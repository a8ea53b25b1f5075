"""FW405: clients of very different sizes count alike."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.server import signature
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion
from fedwhy.simulation.samplers import Asynchronous, Available, Uniform

# So much of the mean's weight would move if examples counted.
MOVED, MUCH = 0.25, 0.4


def suspect(evidence: Evidence) -> Suspicion | None:
    """By what each client weighs in the mean, beside what its examples are of all."""
    setup, server = evidence.setup, evidence.server
    if server is None or server.shares is None or "weighting" not in signature(setup):
        return None
    if not uniform(setup.sampler) or not np.allclose(server.shares, server.shares[0]):
        return None
    sizes = setup.clients.sizes
    moved = float(np.abs(sizes / sizes.sum() - server.shares).sum() / 2)
    if moved < MOVED:
        return None
    small = np.sort(sizes)[: len(sizes) // 2]
    return Suspicion(
        f"clients count alike, with {sizes.min()} to {sizes.max()} examples: the smaller half of "
        f"them holds {small.sum() / sizes.sum():.0%} of the examples and has half of the say",
        0.5 if moved > MUCH else 0.35,
        {"moved": moved, "smallest": int(sizes.min()), "largest": int(sizes.max())},
        edits.weighted("clients weighted by their examples", "examples"),
        severity=Severity.note,
    )


def uniform(sampler: object) -> bool:
    """Whether all clients are drawn alike; else the draw may weigh them already."""
    if isinstance(sampler, Available):
        return uniform(sampler.sampler)
    return sampler is None or isinstance(sampler, Uniform | Asynchronous)


CAUSE = Cause("FW405", "The mean counts small clients as much as large ones", suspect)
