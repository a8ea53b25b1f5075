"""Which clients take part in a round."""

import operator

import numpy as np

from fedwhy.errors import ParameterError


def cohort_size(cohort: int | float, population: int) -> int:
    """Clients a round: `cohort` itself if whole, else that fraction of `population`, at least 1.

    The fraction is C of McMahan et al. 2017, Algorithm 1: `max(C * K, 1)`. Raises
    `ParameterError` for a cohort below one client or above the population.
    """
    if isinstance(cohort, float) and 0 < cohort <= 1:
        return max(round(cohort * population), 1)
    if isinstance(cohort, bool | float) or operator.index(cohort) < 1:
        raise ParameterError(
            "cohort",
            "expected a whole number of clients, or a fraction above 0.0 and at most 1.0, "
            f"given {cohort!r}",
        )
    if cohort > population:
        raise ParameterError(
            "cohort",
            f"{cohort} clients a round, but the population has {population}; "
            f"expected at most {population}",
        )
    return operator.index(cohort)


def sample_cohort(population: int, size: int, seed: int, round: int) -> np.ndarray:
    """Positions int64 `[size]` of a round's clients, uniform without replacement."""
    if size == population:
        return np.arange(population)
    rng = np.random.default_rng([seed, round])
    return np.sort(rng.choice(population, size, replace=False))
