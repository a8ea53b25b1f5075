"""FW404: clients are averaged one after another, so that the last ones count most."""

import numpy as np

from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.self_test import SelfTest
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

# Shares that agree with the formula to this are it.
NEAR = 0.05


def suspect(evidence: Evidence) -> Suspicion | None:
    """By what each of four made-up updates counts in the aggregate, in two orders of arrival."""
    if evidence.server is None or (test := evidence.server.test) is None or not halves(test):
        return None
    return Suspicion(
        f"of {len(test.shares)} clients who send made-up updates, the one who comes last counts "
        f"{test.shares[-1]:.0%} and the first {test.shares[0]:.0%}; in reverse order it is the "
        "other way round",
        0.97,
        {"shares": list(test.shares), "shares_reversed": list(test.reversed)},
        mean_of_all(evidence),
        severity=Severity.error,
    )


def halves(test: SelfTest) -> bool:
    """Whether the last client counts half, the one before a quarter, and so on.

    `w = (w + w_i) / 2` for one client after another gives number i of n the share
    `2^-(n - i + 1)`, and leaves `2^-n` to the model of the round before, or to the first client.
    """
    shares, other = np.array(test.shares), np.array(test.reversed)[::-1]
    expected = 0.5 ** np.arange(len(shares), 0, -1)
    return all(np.allclose(found[1:], expected[1:], atol=NEAR) for found in (shares, other))


def mean_of_all(evidence: Evidence) -> Edit:
    """The mean of the catalogue in place of the user's own aggregation."""
    plain = edits.plain_mean()
    if evidence.setup.algorithm.recipe is None:
        return plain._replace(apply=edits.without_change, changes=lambda settings: (), code=CODE)
    return plain._replace(code=CODE)


CODE = (
    "for update in updates: weights = (weights + update) / 2\n"
    "  ->  weights = sum(n_i * update_i) / sum(n_i), by fw.aggregators.mean()"
)

CAUSE = Cause("FW404", "Clients are averaged in sequence, so that the last counts half", suspect)
