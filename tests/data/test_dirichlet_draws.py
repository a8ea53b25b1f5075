"""Dirichlet, DirichletByClass and Pachinko draw what their definitions say.

Means and variances are compared with their closed forms, within 4 standard errors of 10,000 draws.
Only clients are counted that drew before any class had run out: after that the definition of the
papers is no Dirichlet distribution any more.
"""

import time

import numpy as np
import pytest
from scipy.stats import beta, kstest

from fedwhy.data import Dataset, Dirichlet, DirichletByClass, Pachinko, partition

DRAWS = 10_000


def check_moments(draws, mean, variance):
    """Mean and variance of each column of `draws` `[n, k]` against the closed forms `[k]`."""
    squares = (draws - mean) ** 2
    assert (np.abs(draws.mean(axis=0) - mean) <= 4 * np.sqrt(variance / len(draws))).all()
    spread = squares.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(squares.mean(axis=0) - variance) <= 4 * spread).all()


def early_counts(scheme, labels, clients):
    """Label counts of the first `DRAWS` clients; every class must have examples left by then."""
    owner = scheme.assign(labels, clients, np.random.default_rng(0))
    classes = labels.max() + 1
    counts = np.bincount(owner * classes + labels, minlength=clients * classes)
    counts = counts.reshape(clients, classes)
    assert (counts[DRAWS:].sum(axis=0) > 20 * counts.max()).all()
    return counts[:DRAWS]


def test_dirichlet_counts_are_dirichlet_multinomial():
    alpha, size, clients = 2.0, 20, 2 * DRAWS
    population = np.array([0.5, 0.3, 0.15, 0.05])
    labels = np.repeat(np.arange(4), np.rint(population * size * clients).astype(int))
    counts = early_counts(Dirichlet(alpha), labels, clients)
    spread = size * population * (1 - population) * (size + alpha) / (1 + alpha)
    check_moments(counts, size * population, spread)


def test_pachinko_counts_are_multinomial_by_two_dirichlet_draws():
    alpha, below, size, clients = 0.5, 2.0, 10, 5 * DRAWS // 4
    coarse = np.array([0, 1, 1, 0, 1, 0])
    labels = np.arange(size * clients) % 6
    counts = early_counts(Pachinko(alpha, below, coarse), labels, clients)

    def second_moment(parameter, parts):
        """E[q_i ** 2] of q ~ Dir(parameter, ...) in so many parts."""
        return (parameter + 1) / (parts * (parts * parameter + 1))

    def variance(mean, square):
        """Var of a count whose share has this mean and second moment."""
        return size * (mean - square) + size**2 * (square - mean**2)

    node, leaf = second_moment(alpha, 2), second_moment(below, 3)
    check_moments(counts, size / 6, np.full(6, variance(1 / 6, node * leaf)))
    by_node = np.stack([counts[:, coarse == k].sum(axis=1) for k in (0, 1)], axis=1)
    check_moments(by_node, size / 2, np.full(2, variance(1 / 2, node)))


def test_shares_of_a_class_are_dirichlet():
    # A million examples a class, so that whole examples do not matter; every class is one draw.
    alpha, clients = 0.5, 5
    scheme = DirichletByClass(alpha, balance=False)
    sizes = np.full(DRAWS, 10**6)
    shares = scheme.draw(sizes, clients, np.random.default_rng(0)).T / 10**6
    check_moments(shares, np.full(5, 0.2), np.full(5, 0.2 * 0.8 / (5 * alpha + 1)))
    # Kolmogorov and Smirnov's test of each marginal, Beta(alpha, 4 alpha), where it has no pole.
    marginal = beta(alpha, (clients - 1) * alpha)
    low = marginal.cdf(1e-3)
    for column in shares.T:
        quantiles = (marginal.cdf(column[column > 1e-3]) - low) / (1 - low)
        assert kstest(quantiles, "uniform").pvalue > 1e-3


def test_alpha_of_a_class_is_a_part_of_alpha_over_all_classes():
    alpha, classes = 0.5, 5
    scheme = DirichletByClass(alpha, balance=False)
    counts = scheme.draw(np.full(classes, 10**11), DRAWS, np.random.default_rng(1))
    mean, total = 1 / classes, Dirichlet(classes * alpha).alpha
    shares = counts / counts.sum(axis=1, keepdims=True)
    spread = mean * (1 - mean) / (total + 1)
    check_moments(shares, np.full(classes, mean), np.full(classes, spread))


def test_balance_gives_nothing_more_to_a_client_with_its_even_share():
    rng = np.random.default_rng(0)
    sizes = rng.integers(50, 500, 20)
    counts = DirichletByClass(0.3).draw(sizes, 12, rng)
    before = np.cumsum(counts, axis=1) - counts
    full = before >= sizes.sum() / 12
    assert full.any()
    assert not counts[full].any()
    assert np.array_equal(counts.sum(axis=0), sizes)


@pytest.mark.parametrize("balance", [True, False])
def test_every_client_holds_the_smallest_allowed(balance):
    labels = np.arange(5000) % 10
    dataset = Dataset(labels, labels, classes=10)
    data = partition(dataset, DirichletByClass(0.3, smallest=40, balance=balance), 20)
    assert data.sizes.min() >= 40
    assert data.sizes.max() > 300


def test_pachinko_deals_cifar_100_in_a_moment():
    labels = np.random.default_rng(0).permutation(np.arange(50_000) % 100)
    dataset = Dataset(np.zeros(50_000), labels, classes=100)
    start = time.perf_counter()
    data = partition(dataset, Pachinko(0.1, 10.0, np.arange(100) // 5), 500)
    assert time.perf_counter() - start < 5
    assert set(data.sizes) == {100}
    counts = data.stats().label_counts
    assert counts is not None
    held = counts[:100].reshape(100, 20, 5)
    largest_node = held.sum(axis=2).argmax(axis=1)
    assert ((held.sum(axis=2) > 0).sum(axis=1).mean()) < 8
    assert (held[np.arange(100), largest_node] > 0).mean() > 0.95
