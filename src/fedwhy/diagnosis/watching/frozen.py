"""Rounds that no longer change the model."""

import math

from fedwhy.diagnosis.watching.seen import Event, Seen, values

# Steps over the parameters' norm that float32 hardly knows, in so many rounds in a row.
NOTHING, ROUNDS = 1e-6, 3
# A run whose loss is below this part of the first has learned something, and may have arrived.
LEARNED = 0.9
# Nearly all steps clipped, and updates too long to be nothing.
ALL, SOMETHING = 0.99, 1e-4
# A step so long, over the parameters' norm, is no small one.
FAR = 0.1


def frozen(seen: Seen) -> Event | None:
    """The global model stands still, and the run has learned nothing yet."""
    rounds = list(seen.rounds)[-ROUNDS:]
    steps, norms = values(rounds, "step_norm"), values(rounds, "weights_norm")
    if len(steps) < ROUNDS or any(s > NOTHING * n for s, n in zip(steps, norms, strict=True)):
        return None
    if not all(map(math.isfinite, steps)) or learned(seen):
        return None
    words, code = likely(list(seen.rounds), rounds)
    return Event("frozen", f"rounds no longer change the model; {words}", code)


def learned(seen: Seen) -> bool:
    """Whether the loss has fallen, and the accuracy is above the base rate."""
    accuracies = seen.accuracies
    if seen.at_base is not None and accuracies and accuracies[-1] <= seen.at_base:
        return False
    name = "test_loss" if seen.evaluations else "train_loss"
    losses, first = values(seen.evaluations or seen.rounds, name), values([seen.first], name)
    return bool(losses and first) and losses[-1] < LEARNED * first[0]


def likely(before: list, rounds: list) -> tuple[str, str]:
    """What keeps the model where it is in the newest `rounds`; `before` holds earlier ones, too."""
    if max(values(before, "step_norm")) > FAR * values(rounds, "weights_norm")[-1]:
        return "after far steps its units may be dead: the learning rate may be too high", "FW301"
    updates = values(rounds, "update_norm_max")
    if updates and max(updates) == 0:
        return "clients' updates are zero: no gradient reaches the weights", "FW215"
    if updates and max(updates) > SOMETHING * values(rounds, "weights_norm")[-1]:
        return "clients move, and the server does not: its rate may be too low", "FW402"
    clipped = values(rounds, "clipped_steps")
    if clipped and min(clipped) > ALL:
        return "every gradient is clipped to nearly nothing", "FW305"
    return "the clients' learning rate may be too low", "FW302"
