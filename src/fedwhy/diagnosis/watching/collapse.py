"""Predictions that collapse onto one class, or onto a few."""

from fedwhy.diagnosis.watching.seen import Event, Seen, amplified, learns, values

# One or two evaluations may look so at the beginning, while biases settle.
EVALUATIONS = 3
# How much of the way from the base rate to 1 is one class alone.
NEARLY_ALL = 0.9
# Under strong skew a healthy run learns class after class, so that some are missing for long; but
# then its accuracy rises by this much from one half of so many evaluations to the other.
PATIENCE, RISES = 10, 0.02
# A recall that is none.
MISSING = 0.1


def collapse(seen: Seen) -> Event | None:
    """Nearly all of the test set is taken for one class, by several trained models in a row."""
    if seen.base is None:
        return None
    trained = [r for r in seen.evaluations if r["round"] > 0 and "test_predicted" in r]
    shares = [r["test_predicted"] for r in trained[-EVALUATIONS:]]
    least = seen.base + NEARLY_ALL * (1 - seen.base)
    if len(shares) < EVALUATIONS or any(not max(share) >= least for share in shares):
        return None
    classes = {share.index(max(share)) for share in shares}
    which = f"class {classes.pop()}" if len(classes) == 1 else "one class, not always the same"
    words, code = likely(seen)
    return Event(
        "collapse", f"{max(shares[-1]):.0%} of the test set is taken for {which}; {words}", code
    )


def few_classes(seen: Seen) -> Event | None:
    """At least half of the classes are not recognised, and the accuracy has stopped rising."""
    records = [r for r in seen.evaluations if r["round"] > 0][-PATIENCE:]
    accuracies, half = values(records, "test_accuracy"), PATIENCE // 2
    if seen.at_base is None or len(accuracies) < PATIENCE or collapse(seen):
        return None
    rise = sum(accuracies[half:]) / half - sum(accuracies[:half]) / half
    if rise > RISES or sum(accuracies) / PATIENCE <= seen.at_base:
        return None
    # A class that the test set lacks is neither recognised nor not.
    recalls = [[x for x in r.get("test_recall", ()) if x is not None and x == x] for r in records]
    missing = [sum(x < MISSING for x in recall) for recall in recalls]
    if any(2 * m < len(r) or not r for m, r in zip(missing, recalls, strict=True)):
        return None
    words, code = likely(seen)
    return Event(
        "few classes",
        f"the accuracy stands still at {accuracies[-1]:.1%}, and {missing[-1]} of "
        f"{len(recalls[-1])} classes are not recognised; {words}",
        code,
    )


def likely(seen: Seen) -> tuple[str, str]:
    """What makes a model forget all classes but few."""
    rounds = list(seen.rounds)
    if amplified(rounds):
        return "the server's learning rate may be too high", "FW401"
    if learns(rounds):
        return "clients with few classes each may pull the model to and fro", "FW303"
    return "the clients' learning rate may be too high", "FW301"
