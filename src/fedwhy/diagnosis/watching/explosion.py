"""Losses that explode."""

import math

from fedwhy.diagnosis.watching.seen import Event, Seen, amplified, values

# Times the loss that the run began with, and times the lowest since, in so many records in a row.
OF_FIRST, OF_LOWEST, RECORDS = 2.0, 10.0, 2

# What each loss was before training: in the first round, at clients' first batches.
BEFORE = {"train_loss": "local_loss_first", "test_loss": "test_loss"}


def explosion(seen: Seen) -> Event | None:
    """A loss or an aggregate is not finite, or a loss far above what it was."""
    if seen.rounds and not math.isfinite(values([seen.rounds[-1]], "aggregate_norm")[0]):
        return event(seen, "the aggregate is not finite")
    for name, records in (("train_loss", seen.rounds), ("test_loss", seen.evaluations)):
        losses = values(records, name)
        if losses and not math.isfinite(losses[-1]):
            return event(seen, f"the {words(name)} is not finite")
        before = values([seen.first], BEFORE[name])
        if len(losses) <= RECORDS or not before:
            continue
        most = max(OF_FIRST * before[0], OF_LOWEST * min(losses))
        if min(losses[-RECORDS:]) > most:
            return event(
                seen, f"the {words(name)} explodes: {losses[-1]:.3g}, after {min(losses):.3g}"
            )
    return None


def words(name: str) -> str:
    """The name of a loss, in words."""
    return {"train_loss": "training loss", "test_loss": "test loss"}[name]


def event(seen: Seen, what: str) -> Event:
    """The event, with whose rate is too high: the server's, or the clients'."""
    rounds = list(seen.rounds)
    whose, code = ("server's", "FW401") if amplified(rounds) else ("clients'", "FW301")
    return Event("explosion", f"{what}; the {whose} learning rate may be too high", code)
