"""FW304: clients hardly train between two rounds."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.data.dropped_examples import throws_away
from fedwhy.diagnosis.causes.data.tiny_clients import scant
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

# Clients that take so few steps, or see this share of their examples, could do more in a round.
FEW, LITTLE = 2, 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """By the number of local steps, and the share of a client's examples that it visits."""
    local, setup = evidence.local, evidence.setup
    if local is None or local.typical_steps > FEW:
        return None
    # Batches that clients do not fill are why they take so few steps, or that they hold nothing.
    if throws_away(evidence.data) or scant(setup):
        return None
    sizes = setup.clients.sizes
    seen = float(np.median(setup.local.batching.examples_for(sizes) / sizes))
    unseen = seen < LITTLE
    times = int(np.clip(1 / max(seen, 0.05), 5, 20))
    return Suspicion(
        f"a client takes {local.typical_steps} local step{'s' * (local.typical_steps > 1)} in a "
        f"round, on {seen:.0%} of its examples",
        0.4 if unseen else 0.2,
        {"steps": local.typical_steps, "share_of_examples": seen},
        edits.more_steps(times, setup),
        severity=Severity.note,
        standing=unseen,
    )


CAUSE = Cause("FW304", "Clients take too few local steps", suspect)
