"""The plan: every instance of a fault, or of two, with an id that stays, and its half.

    python -m fault_zoo.plan          # how many there are of what

An id is `fault@strength+healthy#seed`; of a pair, `fault@strength,fault@strength+healthy#seed`.
Instances whose id hashes to an even number are for tuning the diagnosis, the others are held out.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fault_zoo.fault import Fault
from fault_zoo.faults import FAULTS
from fault_zoo.healthy import HEALTHY
from fault_zoo.pairs import PAIRS, PLACES
from fedwhy.diagnosis import Setup

HALVES = ("tuning", "held-out")
DIGITS = ("digits-softmax", "digits-mlp")
# Looked at while the diagnosis was built, so no longer held out.
SEEN = frozenset(
    {
        "feature_shift@2+digits-softmax-mild#0",
        "label_skew@1+digits-mlp-iid#0",
        "tiny_clients@1+digits-softmax-iid#0",
        "test_in_training@0.2+digits-softmax-mild#0",
        "labels_shifted@1+digits-softmax-mild#0",
        "softmax_as_logits@1+digits-softmax-mild#0",
        "output_activation@1+digits-softmax-mild#0",
        "zero_initialised@1+digits-mlp-iid#0",
        "vanishing_gradients@5+digits-mlp-iid#0",
        "client_drift@8+digits-mlp-iid#0",
        "proximal_too_large@3+digits-mlp-iid#0",
        "server_rate_too_high@6+digits-mlp-iid#0",
        "pairwise_averaging@1+digits-mlp-two#0",
        "base_rate_accuracy@0.9+digits-softmax-mild#0",
        "update_lost@1+digits-mlp-iid#0",
        "turned_cameras@2+digits-softmax-mild#0",
        "turned_cameras@4+digits-softmax-mild#0",
        "turned_cameras@2+mnist-softmax-iid#1",
        "turned_cameras@4+mnist-softmax-iid#1",
        "healthy+digits-softmax-four#0",
    }
)


class Instance(NamedTuple):
    """A healthy run with some faults, each at a strength; none at all to count false alarms."""

    faults: tuple[tuple[str, float], ...]
    healthy: str
    seed: int

    @property
    def id(self) -> str:
        """Its name, which stays."""
        planted = ",".join(f"{name}@{strength:g}" for name, strength in self.faults) or "healthy"
        return f"{planted}+{self.healthy}#{self.seed}"

    @property
    def half(self) -> str:
        """`tuning` or `held-out`."""
        return HALVES[0 if self.id in SEEN else hashlib.sha256(self.id.encode()).digest()[0] % 2]

    @property
    def planted(self) -> tuple[Fault, ...]:
        """Its faults."""
        return tuple(FAULTS[name] for name, _ in self.faults)

    @property
    def codes(self) -> tuple[str, ...]:
        """The causes that it is an instance of."""
        return tuple(fault.code for fault in self.planted)

    @property
    def cheap(self) -> bool:
        """Whether a training takes a few seconds."""
        return HEALTHY[self.healthy].cheap

    @property
    def setup(self) -> Setup:
        """The run."""
        setup = HEALTHY[self.healthy].make(self.seed)
        for fault, (_, strength) in zip(self.planted, self.faults, strict=True):
            setup = fault.plant(setup, strength)
        return setup


def single() -> Iterator[Instance]:
    """Every fault in each of its healthy runs, at each strength, from each seed."""
    for fault in FAULTS.values():
        for number, healthy in enumerate(fault.where):
            for strength in fault.strengths:
                for seed in range(fault.seeds):
                    # Not all from the same seed, where each is planted once.
                    yield Instance(((fault.name, strength),), healthy, seed + number)


def pairs() -> Iterator[Instance]:
    """Two faults that do not depend on each other, at their first strengths."""
    for number, (first, second) in enumerate(PAIRS):
        faults = tuple((name, FAULTS[name].strengths[0]) for name in (first, second))
        yield Instance(faults, PLACES[number % len(PLACES)], number % 3)


def healthy() -> Iterator[Instance]:
    """Every healthy run, the cheap ones from two seeds."""
    for each in HEALTHY.values():
        for seed in range(2 if each.cheap else 1):
            yield Instance((), each.name, seed)


def in_turn(instances: Iterable[Instance]) -> list[Instance]:
    """The first instance of every fault, then the second of each, and so on; cheap ones first.

    So that a part of them says something of all causes.
    """
    seen: Counter[object] = Counter()
    numbered = []
    for instance in instances:
        names = tuple(name for name, _ in instance.faults)
        seen[names] += 1
        numbered.append((not instance.cheap, seen[names], len(names) == 2, instance))
    return [instance for *_, instance in sorted(numbered, key=lambda each: each[:3])]


def quick() -> tuple[Instance, ...]:
    """About 20 cheap instances of the tuning half, of all groups of causes, and healthy ones."""
    tuned = [i for i in (*single(), *healthy()) if i.half == HALVES[0]]
    digits = [i for i in tuned if i.faults and i.healthy.startswith(DIGITS)]
    firsts: dict[str, Instance] = {}
    for instance in digits:
        firsts.setdefault(instance.codes[0], instance)
    faulty = [instance for code, instance in sorted(firsts.items())][::3]
    calm = [i for i in tuned if not i.faults and i.healthy.startswith(DIGITS)]
    return (*faulty[:21], *calm[:4])


def plan() -> tuple[Instance, ...]:
    """All instances."""
    return (*single(), *pairs(), *healthy())


if __name__ == "__main__":
    print(f"{len({i.codes[0] for i in single()})} causes, {len(FAULTS)} faults")
    for name, found in (("single", single()), ("pairs", pairs()), ("healthy", healthy())):
        halves = Counter(instance.half for instance in found)
        print(f"{name}: {halves.total()}, of them {dict(halves)}")
