"""FW601: some clients send numbers that are not finite."""

from collections import Counter

from fedwhy.aggregators import NOT_FINITE, REASONS
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients.outliers import MOST
from fedwhy.diagnosis.edits.clients import named, replaced, without_clients
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Clients whose messages were refused for it, in rounds in which most others' were not.

    Where most are refused, the model diverges, and no client is at fault, unless it is always the
    same ones, from the first round on, and never another.
    """
    times, rounds = refusals(evidence)
    if not times:
        return None
    clients = evidence.setup.clients
    position = {str(id): at for at, id in enumerate(clients.ids.tolist())}
    positions = [position[name] for name in times]
    why = (
        f"{sum(times.values())} updates that are not finite came from {named(list(times))} in "
        f"{rounds} rounds; they were refused, so nothing of these clients' examples is learned"
    )
    sure = evidence.updates is None or always_the_same(evidence)
    return Suspicion(
        why,
        0.95 if sure else 0.7,
        {"clients": list(times), "refused": dict(times), "rounds": rounds},
        without_clients(positions, evidence.setup),
        replaced(positions, evidence.setup),
        Severity.error if sure else Severity.warning,
    )


def refusals(evidence: Evidence) -> tuple[Counter[str], int]:
    """How often each client was refused for it, and in how many rounds anybody was."""
    rounds = [
        (record["refused_clients"], record.get("clients", 0) + record.get("refused", 0))
        for record in evidence.history or ()
        if "refused_clients" in record
    ]
    for updates in evidence.updates or ():
        pairs = zip(updates.ids, updates.refused, strict=True)
        rounds.append(({id: reason for id, reason in pairs if reason}, len(updates.ids)))
    times: Counter[str] = Counter()
    counted = 0
    most = 1.0 if always_the_same(evidence) else MOST
    for reasons, cohort in rounds:
        at_fault = [id for id, reason in reasons.items() if reason.startswith(REASONS[NOT_FINITE])]
        if 0 < len(at_fault) < most * cohort:
            times.update(at_fault)
            counted += 1
    return times, counted


def always_the_same(evidence: Evidence) -> bool:
    """Whether the same clients are refused with the initial and with the trained model.

    And neither all of them nor nobody: that says that it is they, whatever the model.
    """
    refused = [
        {id for id, reason in zip(updates.ids, updates.refused, strict=True) if reason}
        for updates in evidence.updates or ()
    ]
    if not refused or evidence.updates is None:
        return False
    clients = len(evidence.updates[0].ids)
    return all(0 < len(each) < clients and each == refused[0] for each in refused)


CAUSE = Cause("FW601", "Some clients send numbers that are not finite", suspect)
