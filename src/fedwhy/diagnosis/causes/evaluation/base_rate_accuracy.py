"""FW502: accuracy stays at the share of one class, though the loss falls."""

from statistics import fmean

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Severity, Suspicion

LAST = 3
EXACT = 2e-3
FALLS = 0.01
MOST = 0.5


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where the last test accuracies equal a class's share of the test set."""
    labels = evidence.data.test_labels
    accuracy, loss = evidence.curve("test_accuracy"), evidence.curve("test_loss")
    if labels is None or not labels.counts.any() or len(accuracy) <= LAST or len(loss) <= LAST:
        return None
    last = accuracy[-LAST:]
    nearest = min(labels.shares[labels.shares > 0], key=lambda share: abs(share - fmean(last)))
    stays = all(abs(value - nearest) <= EXACT for value in last)
    before, now = fmean(loss[: len(loss) // 2]), fmean(loss[-LAST:])
    if not stays or not now < before * (1 - FALLS):
        return None
    of = int(abs(labels.shares - nearest).argmin())
    most = float(labels.shares.max())
    common = "the commonest class" if nearest == most else "one class"
    # Where one class is most of the test set, its share passes for an accuracy.
    rare = nearest == most and most > MOST
    return Suspicion(
        why=f"test accuracy stays at {nearest:.1%}, the share of class {of}, while the test loss "
        f"fell from {before:.3g} to {now:.3g}: the model says {common} of everything, and learns "
        "behind it",
        confidence=0.9 if rare else 0.3,
        evidence={"accuracy": last, "share": float(nearest), "class": of, "losses": [before, now]},
        severity=Severity.warning if rare else Severity.note,
    )


CAUSE = Cause("FW502", "Accuracy stays at the share of one class", suspect)
