"""FW704: quantisation leaves too little of the updates.

For stochastic rounding to 2^b levels the squared error falls with `(2^b - 1)^2` (Suresh, Yu, Kumar
and McMahan, "Distributed Mean Estimation with Limited Communication", ICML 2017, Theorem 2); QSGD's
with the number of levels (Alistarh et al., NeurIPS 2017, Lemma 3.1).
"""

import math

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy.fidelity import Fidelity, fidelity_of, lost_in
from fedwhy.diagnosis.edits.aggregator import piece, pieces_of
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Suspicion
from fedwhy.diagnosis.setup import Setup

# Cosines of the mean that arrives with that which was trained: where rounding has a bias, little is
# left; some is lost.
POOR, FAIR = 0.7, 0.95
# The squared error of the mean that is aimed at, over its square.
SMALL = 0.01


def suspect(evidence: Evidence) -> Suspicion | None:
    """A mean of received updates that points elsewhere than the mean of those that were trained."""
    finer = finer_quantisation(evidence.setup, evidence)
    fidelity = fidelity_of(evidence)
    if finer is None or fidelity is None or max(fidelity.each, fidelity.mean) >= FAIR:
        return None
    poor = harms(evidence, fidelity)
    return Suspicion(
        f"Of the updates of the first round, what arrives has a cosine of {fidelity.each:.2f} with "
        f"what was sent (the median client's), and their means one of {fidelity.mean:.2f}; the "
        f"error of the mean is {math.sqrt(fidelity.error):.2g} times the mean",
        0.75 if poor else 0.4,
        fidelity._asdict(),
        finer,
        standing=poor,
    )


def harms(evidence: Evidence, fidelity: Fidelity) -> bool:
    """Whether the error goes as far as what is learned, or has a bias and leaves little."""
    quantize = pieces_of(evidence.setup).get("quantize")
    if quantize is not None and not quantize.arguments["stochastic"]:
        return fidelity.mean < POOR
    return lost_in(evidence, fidelity)


def finer_quantisation(setup: Setup, evidence: Evidence) -> Edit | None:
    """As much more bits or levels as the error asks for; None where nothing is quantised."""
    fidelity, there = fidelity_of(evidence), pieces_of(setup)
    if fidelity is None:
        return None
    too_much = max(fidelity.error / SMALL, 1.0)
    if "quantize" in there:
        now = there["quantize"].arguments["bits"]
        wanted = math.ceil(math.log2((2**now - 1) * math.sqrt(too_much) + 1))
        bits = min(max(wanted, now + 1), 16)
        return piece(f"{bits} bits for each number", "quantize", bits=bits)
    if "qsgd" in there:
        now = there["qsgd"].arguments["levels"]
        levels = min(max(math.ceil(now * too_much), 2 * now), 2**15)
        return piece(f"{levels} levels", "qsgd", levels=levels)
    return None


CAUSE = Cause("FW704", "Quantisation leaves too little of the updates", suspect)
