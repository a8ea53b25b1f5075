"""How clients come to take part in a round, as far as a guarantee of privacy depends on it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PoissonSampling(NamedTuple):
    """Every client takes part with the same `probability`, independently of all others.

    Two populations are neighbours if one has a client more than the other.
    """

    probability: float


class FixedSize(NamedTuple):
    """`cohort` clients of a `population`, all sets of them equally likely (without replacement).

    Two populations are neighbours if one client has other data, so that a round's sum of updates
    differs by up to twice the clipping norm.
    """

    cohort: int
    population: int


class Unsampled(NamedTuple):
    """Whoever takes part when is known, and does not depend on data: no chance hides a client.

    - `visits` int64 `[rounds + 1]`: how often, up to each round, the busiest client took part
    - `separation` int64 `[rounds + 1]`: up to each round, the least number of rounds from one visit
      of a client to its next

    Two populations are neighbours if one client adds nothing to what rounds sum up in one of them:
    its update is zero, and with an adaptive norm it counts neither as inside nor as outside of it.
    """

    visits: np.ndarray
    separation: np.ndarray

    @staticmethod
    def every_round(rounds: int) -> Unsampled:
        """All clients in each of `rounds` rounds."""
        return Unsampled(np.arange(rounds + 1), np.ones(rounds + 1, int))


Sampling = PoissonSampling | FixedSize | Unsampled


def neighbours(sampling: Sampling) -> str:
    """Which populations a guarantee makes hard to tell apart, in words."""
    return {
        PoissonSampling: "add or remove one client",
        FixedSize: "replace one client",
        Unsampled: "zero out one client",
    }[type(sampling)]
