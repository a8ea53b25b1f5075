"""`Fault`: a small patch of a healthy run, and what the diagnosis must call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fedwhy.diagnosis import Setup

Plant = Callable[[Setup, float], Setup]


class Fault(NamedTuple):
    """One cause of trouble that can be planted.

    - `name`: of the function that plants it
    - `codes`: those that name it, its own first. Others only where they are the same fault in other
      words
    - `plant(setup, strength) -> Setup`, a pure function. Nothing in what it returns tells of it but
      the fault itself
    - `where`: the healthy runs that it is planted in, by name
    - `strengths`: how strong; what the number means is the fault's own
    - `seeds`: how many seeds each of them is planted with
    - `shows`: whether it must cost accuracy to count. Leaks, duplicates and faults of a metric harm
      in other ways
    - `hopeless`: strengths at which nothing can bring back what it cost: examples, classes,
      features, or the labels to test with are gone
    """

    name: str
    codes: tuple[str, ...]
    plant: Plant
    where: tuple[str, ...]
    strengths: tuple[float, ...]
    seeds: int = 1
    shows: bool = True
    hopeless: tuple[float, ...] = ()

    @property
    def code(self) -> str:
        """The cause that it is an instance of."""
        return self.codes[0]


def fault(
    *codes: str,
    where: Sequence[str],
    strengths: Sequence[float] = (1.0,),
    seeds: int = 1,
    shows: bool = True,
    hopeless: Sequence[float] = (),
) -> Callable[[Plant], Fault]:
    """Makes a `Fault` of the function that plants it, whose name it takes."""

    def of(plant: Plant) -> Fault:
        name = getattr(plant, "__name__", "")
        places = tuple(where), tuple(strengths)
        return Fault(name, codes, plant, *places, seeds, shows, tuple(hopeless))

    return of
