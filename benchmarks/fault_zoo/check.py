"""Whether each fault really hurts: trains healthy and faulty runs alike, and keeps both scores.

    python -m fault_zoo.check --minutes 20

It goes on where it stopped: first one instance of every fault, then the second ones, and so on. The
scores are in `effects.json`. An instance that costs less than 5 points, of a fault that must show
in the accuracy, does not count: `run` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from fault_zoo.plan import Instance, in_turn, pairs, single
from fedwhy.diagnosis import Setup
from fedwhy.diagnosis.search.runs import Outcome, outcome
from fedwhy.errors import FedwhyError

EFFECTS = Path(__file__).parent / "effects.json"
ROUNDS = 30  # At most, as in a diagnosis.
LEAST = 0.05

Effects = dict[str, float]


def known() -> Effects:
    """Scores by the ids of instances, of those that have been trained."""
    return json.loads(EFFECTS.read_text()) if EFFECTS.exists() else {}


def baseline(instance: Instance) -> Instance:
    """The same run without a fault."""
    return instance._replace(faults=())


def alone(instance: Instance) -> Iterator[Instance]:
    """The same run with each of its faults alone."""
    for fault in instance.faults:
        yield instance._replace(faults=(fault,))


def loss(instance: Instance, effects: Effects) -> float | None:
    """What the faults cost, in points from 0 to 1; None where it is not known."""
    healthy, faulty = effects.get(baseline(instance).id), effects.get(instance.id)
    return None if healthy is None or faulty is None else healthy - faulty


def counts(instance: Instance, effects: Effects) -> bool:
    """Whether each fault of it costs enough, is not known yet, or cannot show."""
    losses = ((loss(one, effects), one.planted[0].shows) for one in alone(instance))
    return all(lost is None or lost >= LEAST or not shows for lost, shows in losses)


def recovered(again: float, instance: Instance, effects: Effects) -> float | None:
    """The share of what the faults cost that a run of the score `again` has back."""
    lost = loss(instance, effects)
    if lost is None or lost <= 0:
        return None
    return 1 - (effects[baseline(instance).id] - again) / lost


def needed(instance: Instance) -> dict[str, Instance]:
    """The runs whose scores say what its faults cost, by id."""
    return {each.id: each for each in (baseline(instance), *alone(instance), instance)}


def scored(instance: Instance) -> float:
    """The score of its run; 0 where it is refused."""
    try:
        return trained(instance.setup).score
    except FedwhyError:
        return 0.0


def trained(setup: Setup) -> Outcome:
    """Its run, as long as all those are that are compared here."""
    return outcome(setup, min(ROUNDS, setup.rounds), setup.seed)


def write(effects: Effects) -> None:
    """Writes the scores, whole or not at all."""
    partial = EFFECTS.with_suffix(".partial")
    partial.write_text(json.dumps(dict(sorted(effects.items())), indent=0) + "\n")
    os.replace(partial, EFFECTS)


def main() -> None:
    """Trains what is not known yet, for so many minutes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--only", help="faults by name, with commas")
    options = parser.parse_args()
    ends, effects = time.monotonic() + 60 * options.minutes, known()
    wanted = set(options.only.split(",")) if options.only else None
    for instance in in_turn((*single(), *pairs())):
        if wanted and not wanted & {name for name, _ in instance.faults}:
            continue
        for id, each in needed(instance).items():
            if time.monotonic() > ends:
                return
            if id not in effects:
                started = time.monotonic()
                effects[id] = round(scored(each), 4)
                seconds = time.monotonic() - started
                print(f"{effects[id]:.3f} {seconds:5.1f}s {id}", flush=True)
                write(effects)


if __name__ == "__main__":
    main()
