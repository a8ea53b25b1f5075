"""Runs that stand still: at the base rate, or below what they had reached."""

from statistics import fmean

from fedwhy.diagnosis.watching.collapse import collapse
from fedwhy.diagnosis.watching.falling import best_level
from fedwhy.diagnosis.watching.frozen import frozen
from fedwhy.diagnosis.watching.seen import Event, Seen, learns, mean, values

# Evaluations that a run may take to get going, and to come back after a fall.
AT_BASE, BELOW = 6, 8
# A loss that falls by less from one half of these to the other does not fall. While it falls,
# accuracy will follow: in a slow but healthy run it is the first to move.
STANDS = 0.995
# Steps this long, over the parameters' norm, are short: it takes a thousand to go as far.
SHORT = 1e-3


def at_the_base_rate(seen: Seen) -> Event | None:
    """The accuracy is that of always naming one class, and the test loss does not fall."""
    trained = [r for r in seen.evaluations if r["round"] > 0][-AT_BASE:]
    accuracies, losses = values(trained, "test_accuracy"), values(trained, "test_loss")
    if seen.at_base is None or len(accuracies) < AT_BASE or max(accuracies) > seen.at_base:
        return None
    half = AT_BASE // 2
    if not fmean(losses[half:]) > STANDS * fmean(losses[:half]) or collapse(seen) or frozen(seen):
        return None
    words, code = likely(seen)
    return Event(
        "base rate",
        f"the accuracy stays at the base rate ({accuracies[-1]:.1%} of {seen.base:.1%} for always "
        f"naming the most frequent class), and the test loss does not fall; {words}",
        code,
    )


def likely(seen: Seen) -> tuple[str, str]:
    """What keeps a run from learning, by its newest rounds."""
    rounds, losses = list(seen.rounds), values(seen.evaluations, "test_loss")
    if learns(rounds):
        return "clients learn, and their mean does not", "FW413"
    length = mean(rounds, "step_norm") / max(mean(rounds, "weights_norm"), 1e-30)
    if length < SHORT or losses[-1] < losses[0]:
        return "steps are short: the learning rate may be too low", "FW302"
    return "clients learn nothing either: the learning rate may be too high", "FW301"


def below_earlier(seen: Seen) -> Event | None:
    """The accuracy stands still, well below the level it had reached before."""
    accuracies, best = seen.accuracies, best_level(seen)
    newest = accuracies[-BELOW:]
    if best is None or len(accuracies) < 2 * BELOW or max(newest) > best - seen.noise:
        return None
    half = BELOW // 2
    if abs(fmean(newest[half:]) - fmean(newest[:half])) > seen.noise / 2:
        return None
    return Event(
        "below",
        f"the accuracy stands still at {fmean(newest):.1%}, after {best:.1%}; what one round "
        "learns, others may undo",
        "FW414",
    )
