"""FW118: examples with values that are not numbers, or infinite."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.example_facts import not_finite
from fedwhy.diagnosis.finding import Severity, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where any value of the clients' or test examples is not finite."""
    own, test = evidence.data.not_finite, evidence.data.test_not_finite
    count = int(own.sum() + test.sum())
    if not count:
        return None
    clients = evidence.setup.clients
    holders = clients.ids[np.unique(clients.owner[own])]
    at = f"at {len(holders)} clients, such as {holders[0].item()!r}" if len(holders) else ""
    in_test = f"{int(test.sum())} of them in the test set" if test.any() else ""
    return Suspicion(
        why=f"{count} examples hold a value that is NaN or infinite, "
        + " and ".join(filter(None, (at, in_test))),
        confidence=0.98,
        evidence={
            "examples": int(own.sum()),
            "test_examples": int(test.sum()),
            "clients": holders[:10].tolist(),
        },
        prescription=None
        if own.all() or (test.size and test.all())
        else data_edits.examples(
            "examples without values that are not finite",
            lambda data: ~not_finite(data),
            code="clients = clients.filter(lambda x, y: np.isfinite(x).reshape(len(y), -1)"
            ".all(axis=1))",
        ),
        severity=Severity.error,
    )


CAUSE = Cause("FW118", "Inputs are not finite", suspect)
