"""FW113: many clients hold hardly any examples."""

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

TINY = 5
MANY = 0.2
FEW, MOST = 0.1, 0.5  # Of all examples.
SCANT = 100  # Examples in a round, of all its clients together.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where a fifth of the clients hold fewer than five examples each."""
    sizes = evidence.data.sizes
    tiny = sizes < TINY
    if tiny.mean() < MANY:
        return None
    held = float(sizes[tiny].sum() / sizes.sum())
    in_a_round, extreme = examples_in_a_round(evidence.setup), scant(evidence.setup)
    return Suspicion(
        why=f"{tiny.sum()} of {len(sizes)} clients hold fewer than {TINY} examples, {held:.0%} of "
        "all: what one of them learns in a round is mostly chance"
        + (f", and a round has {in_a_round:.0f} examples together" if extreme else ""),
        confidence=0.9 if extreme else 0.2,
        evidence={
            "clients": int(tiny.sum()),
            "of": len(sizes),
            "share_of_examples": held,
            "examples_in_a_round": in_a_round,
        },
        prescription=remedy(evidence.setup, sizes, held),
        severity=Severity.warning if extreme else Severity.note,
    )


def examples_in_a_round(setup: Setup) -> float:
    """How many examples the clients of a round have together, in the mean."""
    share = setup.cohort / setup.clients.clients if isinstance(setup.cohort, int) else setup.cohort
    return float(share * len(setup.clients))


def scant(setup: Setup) -> bool:
    """Whether tiny clients hold most examples, and those of a round are few."""
    sizes = setup.clients.sizes
    held = sizes[sizes < TINY].sum() / sizes.sum()
    return bool(held > MOST and examples_in_a_round(setup) < SCANT)


def remedy(setup: Setup, sizes: np.ndarray, held: float) -> Edit | None:
    """The tiny clients left out where that loses little, else more clients in a round."""
    if held <= FEW:
        return data_edits.examples(
            f"clients of fewer than {TINY} examples left out",
            lambda data: np.repeat(data.sizes >= TINY, data.sizes),
            code=f"clients = clients.select(clients.sizes >= {TINY})",
            of=("clients",),
        )
    cohort = setup.cohort if isinstance(setup.cohort, int) else int(setup.cohort * len(sizes))
    more = min(len(sizes), 5 * max(cohort, 1))
    if more <= cohort:
        return None
    return Edit(
        f"{more} clients a round",
        lambda setup: setup.changed(cohort=more),
        data_edits.keys("train", cohort=more),
        f"fw.train(..., cohort={more})",
    )


CAUSE = Cause("FW113", "Many clients hold hardly any examples", suspect)
