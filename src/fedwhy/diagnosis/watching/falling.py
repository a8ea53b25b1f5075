"""Accuracy that falls from its best by more than noise."""

from statistics import fmean

from fedwhy.diagnosis.watching.seen import Event, Seen, mean

# Evaluations whose mean is a level, so that the best is none by chance, and that must lie below it.
LEVEL, BELOW = 3, 4
# A client's update so many times as long as the mean one is not like the others.
ALONE = 10.0


def best_level(seen: Seen) -> float | None:
    """The best mean of consecutive accuracies, if it is better than the base rate."""
    accuracies = seen.accuracies
    levels = [fmean(accuracies[k : k + LEVEL]) for k in range(len(accuracies) - LEVEL + 1)]
    best = max(levels, default=0.0)
    return best if best > (seen.at_base or 0.0) else None


def falling(seen: Seen) -> Event | None:
    """Several evaluations in a row lie below the best level by more than noise."""
    best, newest = best_level(seen), seen.accuracies[-BELOW:]
    if best is None or len(seen.accuracies) < LEVEL + BELOW or max(newest) > best - seen.noise:
        return None
    rounds = list(seen.rounds)
    alone = mean(rounds, "update_norm_max") > ALONE * mean(rounds, "update_norm_mean")
    words, code = (
        ("single clients send updates far longer than the others'", "FW604")
        if alone
        else ("the learning rate may be too high", "FW301")
    )
    return Event(
        "falling", f"the accuracy has fallen from {best:.1%} to {newest[-1]:.1%}; {words}", code
    )
