"""Epsilons and noise multipliers against known numbers, closed forms and each other."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm

from fedwhy.errors import ParameterError
from fedwhy.privacy import (
    FixedSize,
    PoissonSampling,
    Spending,
    Toeplitz,
    Tree,
    Unsampled,
    epsilon,
    noise_for,
    square_root,
)

pytest.importorskip("dp_accounting")


@pytest.mark.parametrize(
    ("q", "noise", "rounds", "rdp", "pld"),
    [
        (256 / 60000, 1.1, 14100, 2.6003, 2.3852),
        (0.1, 1.0, 100, 7.9039, 7.0466),
        (1.0, 10.0, 100, 4.7285, 4.3772),
    ],
)
def test_epsilon_of_poisson_rounds(q, noise, rounds, rdp, pld):
    known = {"sampling": PoissonSampling(q), "rounds": rounds, "delta": 1e-5}
    assert epsilon(noise, accountant="rdp", **known) == pytest.approx(rdp, abs=6e-5)
    assert epsilon(noise, accountant="pld", **known) == pytest.approx(pld, abs=6e-5)


@pytest.mark.parametrize(("accountant", "noise"), [("rdp", 0.99373), ("pld", 0.93593)])
def test_noise_for_a_promised_epsilon(accountant, noise):
    known = {"sampling": PoissonSampling(0.1), "rounds": 100, "delta": 1e-5}
    assert noise_for(8.0, accountant=accountant, **known) == pytest.approx(noise, abs=6e-6)


@pytest.mark.parametrize(("accountant", "target"), [("rdp", 60.0), ("pld", 8.0)])
def test_least_noise_is_enough_where_chance_hides_nearly_all(accountant, target):
    known = {"sampling": PoissonSampling(1e-6), "rounds": 1, "delta": 1e-5}
    assert noise_for(target, accountant=accountant, **known) == 0.1


def gaussian_epsilon(noise, delta):
    """The exact epsilon of one Gaussian mechanism (Balle and Wang, ICML 2018, Theorem 8)."""

    def delta_of(e):
        return norm.cdf(1 / (2 * noise) - e * noise) - math.exp(e) * norm.cdf(
            -1 / (2 * noise) - e * noise
        )

    low, high = 0.0, 100.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if delta_of(middle) > delta else (low, middle)
    return high


@pytest.mark.parametrize("rounds", [1, 4, 50])
def test_rounds_without_sampling_are_one_gaussian_mechanism(rounds):
    given = epsilon(3.0, sampling=Unsampled.every_round(50), rounds=rounds, delta=1e-5)
    assert given == pytest.approx(gaussian_epsilon(3.0 / math.sqrt(rounds), 1e-5), rel=1e-3)


def test_cohort_of_everybody_has_the_cost_of_twice_the_clipping_norm():
    fixed = epsilon(6.0, sampling=FixedSize(10, 10), rounds=5, delta=1e-5)
    twice = epsilon(3.0, sampling=Unsampled.every_round(5), rounds=5, delta=1e-5, accountant="rdp")
    assert fixed == pytest.approx(twice, rel=1e-6)


@pytest.mark.parametrize(
    ("sampling", "accountant"),
    [
        (PoissonSampling(0.05), "pld"),
        (PoissonSampling(0.05), "rdp"),
        (FixedSize(5, 100), "pld"),
        (Unsampled.every_round(10), "pld"),
    ],
)
def test_spending_is_epsilon_whatever_was_asked_before(sampling, accountant):
    spending, later = (Spending(2.0, sampling, Toeplitz(), 1e-5, accountant) for _ in range(2))
    all_of_them = [spending.epsilon(rounds) for rounds in range(11)]
    assert later.epsilon(7) == all_of_them[7]
    assert np.all(np.diff(all_of_them) > 0) and all_of_them[0] == 0
    direct = epsilon(2.0, sampling=sampling, rounds=10, delta=1e-5, accountant=accountant)
    assert direct <= all_of_them[10] * (1 + 1e-6) <= direct * 1.002


def worst_case(matrix, visits, separation):
    """The largest sensitivity over all patterns of participation, one by one."""
    rounds, worst = matrix.shape[1], 0.0
    for at in itertools.combinations(range(rounds), visits):
        if np.all(np.diff(at) >= separation):
            # All entries are not negative, so updates that all point one way move it furthest.
            worst = max(worst, np.linalg.norm(matrix[:, list(at)].sum(axis=1)))
    return worst


def tree_matrix(rounds):
    """The rows of C: one for each whole node of a binary tree over the rounds."""
    nodes = [
        (begin, begin + 2**level)
        for level in range(rounds.bit_length())
        for begin in range(0, rounds - 2**level + 1, 2**level)
    ]
    return np.array([[a <= t < b for t in range(rounds)] for a, b in nodes], float)


def toeplitz_matrix(coefficients, rounds):
    c = np.zeros(rounds)
    c[: len(coefficients)] = coefficients[:rounds]
    return np.array([[c[i - j] if i >= j else 0.0 for j in range(rounds)] for i in range(rounds)])


@pytest.mark.parametrize(("rounds", "visits", "separation"), [(8, 1, 8), (8, 2, 4), (11, 3, 2)])
def test_sensitivity_bounds_every_pattern_of_participation(rounds, visits, separation):
    tree = worst_case(tree_matrix(rounds), visits, separation)
    assert tree <= Tree().sensitivity(visits, separation, rounds) <= 1.5 * tree
    for bands in (1, 3, 6):
        roots = square_root(bands)
        exact = worst_case(toeplitz_matrix(roots.coefficients, rounds), visits, separation)
        assert exact <= roots.sensitivity(visits, separation, rounds) * (1 + 1e-9)
        assert roots.sensitivity(visits, separation, rounds) <= 1.2 * exact


def test_square_root_times_itself_is_the_matrix_of_prefix_sums():
    root = toeplitz_matrix(square_root(9).coefficients, 9)
    np.testing.assert_allclose(root @ root, np.tri(9))


def test_correlated_noise_has_no_account_where_chance_decides():
    with pytest.raises(ParameterError, match="Cyclic"):
        epsilon(
            1.0, sampling=PoissonSampling(0.1), rounds=1, delta=1e-5, correlation=square_root(4)
        )


@pytest.mark.parametrize("delta", [0.0, 1.0, 2.0])
def test_impossible_delta_is_refused(delta):
    with pytest.raises(ParameterError, match="delta"):
        epsilon(1.0, sampling=PoissonSampling(0.1), rounds=1, delta=delta)
