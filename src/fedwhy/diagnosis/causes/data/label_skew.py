"""FW101: clients hold different labels."""

from fedwhy.algorithms import LocalSGD
from fedwhy.diagnosis import edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.algorithm import algorithm, replaceable
from fedwhy.diagnosis.edits.redealing import same_labels
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion
from fedwhy.diagnosis.setup import Setup

LEAST = 0.3
ADAPTIVE = 0.03  # Server rate of Adam, where clients' rates suit FedAvg.
OFTEN = 0.1  # Controls of clients who take part more rarely are out of date.


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where a client's labels are far from all clients', in the mean."""
    skew = evidence.data.label_skew
    if skew is None or skew < LEAST or evidence.setup.clients.clients < 2:
        return None
    first, *others = remedies(evidence.setup) or (None,)
    held = (evidence.data.labels.counts > 0).sum(axis=1).mean()
    return Suspicion(
        why=f"clients' labels differ from all clients' by {skew:.2f} (0 alike, 1 nothing in "
        f"common): a client holds {held:.1f} of {evidence.data.labels.classes} classes in the mean",
        confidence=round(0.2 + 0.4 * skew, 2),
        evidence={"label_skew": skew, "classes_per_client": float(held)},
        prescription=first,
        others=tuple(others),
        counterfactual=same_labels(),
        severity=Severity.note,
    )


def remedies(setup: Setup) -> list[Edit]:
    """What a deployment can do: let the server remember, correct the drift, or drift less far."""
    if replaceable(setup):
        found = [algorithm("fedavgm"), algorithm("fedadam", learning_rate=ADAPTIVE)]
        return [*found, algorithm("scaffold")] if share(setup) >= OFTEN else found
    if isinstance(setup.local, LocalSGD) and (setup.local.epochs or 1) > 1:
        return [edits.local("one epoch of local training", epochs=1)]
    return []


def share(setup: Setup) -> float:
    """The share of the clients that take part in a round."""
    return setup.cohort / setup.clients.clients if isinstance(setup.cohort, int) else setup.cohort


CAUSE = Cause("FW101", "Clients hold different labels", suspect)
