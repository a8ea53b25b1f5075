"""FW307: the learning rate grows with a client's examples, without bound."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.local import factor
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# How much the factor may differ between clients; the bounds of `rates.by_examples` are 0.5 and 2.
MOST = 4.5
# Beyond this the largest clients cannot train at a rate that the smallest learn anything with.
FAR = 10.0


def suspect(evidence: Evidence) -> Suspicion | None:
    """By trying `LocalSGD.rate` on clients of the sizes that there are."""
    setup = evidence.setup
    if evidence.local is None or setup.local.rate is None:
        return None
    sizes = setup.clients.sizes
    some = np.quantile(sizes, (0, 0.5, 1), method="nearest").astype(int)
    smallest, median, largest = (factor(setup, examples=int(size)) for size in some)
    beyond = factor(setup, examples=int(min(10 * some[2], np.iinfo(np.int32).max)))
    ratio = largest / smallest if smallest > 0 else np.inf
    if ratio <= MOST:
        return None
    alike = same_rates(int(some[1]), median)
    grows = beyond > 2 * largest
    return Suspicion(
        f"local steps are {ratio:.3g} times as long at the largest client ({some[2]} examples) "
        f"as at the smallest ({some[0]}), {'and nothing bounds that' if grows else 'by its size'}",
        0.85 if grows and ratio > FAR else 0.6,
        {
            "examples": some.tolist(),
            "factors": [smallest, median, largest],
            "factor_at_ten_times_the_largest": beyond,
        },
        alike[0],
        severity=Severity.warning if ratio > FAR else Severity.note,
        others=alike[1:],
    )


def same_rates(examples: int, factor: float) -> tuple[Edit, ...]:
    """One rate for all: that of the median client, whose factor this is, and the optimizer's own.

    A factor in numbers of examples may be far from 1 at all clients, so that even the median one
    has a rate that nobody chose. The optimizer's own comes first then.
    """
    same = edits.same_for_all_sizes(examples)
    if not factor > 0 or factor == 1:
        return (same,)
    own = edits.rate_by_optimizer(examples, factor)
    return (own, same) if not 1 / MOST < factor < MOST else (same, own)


CAUSE = Cause("FW307", "The learning rate is scaled by client size without bound", suspect)
