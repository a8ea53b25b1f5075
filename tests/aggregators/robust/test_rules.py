"""Robust rules: what holds for each, and for the papers' steps written out in NumPy."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stacks import SIZE, aggregate, decoded, stack_of

from fedwhy.aggregators import (
    RULES,
    attacked,
    attacks,
    bucketing,
    bulyan,
    centred_clipping,
    chain,
    clip,
    geometric_median,
    krum,
    mda,
    meamed,
    mean,
    median,
    multi_krum,
    nearest_neighbour_mixing,
    trimmed_mean,
)
from fedwhy.aggregators.robust.coordinates import bitonic, by_block
from fedwhy.errors import ParameterError

F = 2
HIT = attacked(median(), attacks.sign_flip(), clients=[1])
MOVING = {  # rules of which updates scaled and moved give the aggregate scaled and moved
    "median": median(),
    "trimmed_mean": trimmed_mean(byzantine=F),
    "meamed": meamed(byzantine=F),
    "krum": krum(byzantine=F),
    "multi_krum": multi_krum(byzantine=F),
    "bulyan": bulyan(byzantine=F),
    "mda": mda(byzantine=F),
    "mixed median": nearest_neighbour_mixing(median(), byzantine=F),
}
ALL = {
    **MOVING,
    "geometric_median": geometric_median(iterations=30),
    "centred_clipping": centred_clipping(tau=1e6),
    "median of buckets": bucketing(2, median()),
}
random = given(seed=st.integers(0, 2**32 - 1), count=st.integers(4 * F + 3, 16))
few = settings(max_examples=12, derandomize=True)


def drawn(seed, count):
    """Updates of `count` clients, float32 `[count, SIZE]`."""
    return np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)


@pytest.mark.parametrize("rule", ALL)
@few
@random
def test_places_in_the_stack_and_what_absent_rows_hold_do_not_matter(rule, seed, count):
    updates, order = drawn(seed, count), np.random.default_rng(seed).permutation(count)
    one = aggregate(ALL[rule], updates, seed=1, garbage=np.nan)
    other = aggregate(ALL[rule], updates[order], seed=2, garbage=-1e30, order=order)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rule", MOVING)
@few
@random
def test_scaled_and_moved_updates_give_the_aggregate_scaled_and_moved(rule, seed, count):
    updates, move = drawn(seed, count), drawn(seed + 1, 1)
    plain = aggregate(MOVING[rule], updates)
    moved = aggregate(MOVING[rule], 4 * updates + move)
    np.testing.assert_allclose(moved, 4 * plain + move[0], rtol=1e-4, atol=1e-4)


@few
@random
def test_rules_with_a_radius_scale_with_it(seed, count):
    updates = drawn(seed, count)
    for wide, narrow in (
        (geometric_median(smoothing=4.0), geometric_median(smoothing=1.0)),
        (centred_clipping(tau=4.0), centred_clipping(tau=1.0)),
    ):
        found = aggregate(wide, 4 * updates)
        np.testing.assert_allclose(found, 4 * aggregate(narrow, updates), rtol=1e-5, atol=1e-5)


@few
@random
def test_geometric_median_moves_with_the_updates(seed, count):
    updates, move = drawn(seed, count), drawn(seed + 1, 1)
    settled = geometric_median(iterations=300)
    expected = aggregate(settled, updates) + move[0]
    np.testing.assert_allclose(aggregate(settled, updates + move), expected, atol=1e-3)


@pytest.mark.parametrize("columns", [1, 255, 256, 257, 700])
def test_coordinates_are_the_same_in_blocks_as_all_at_once(columns):
    rows = np.random.default_rng(columns).normal(size=(9, columns)).astype(np.float32)
    ordered = jax.jit(partial(by_block, lambda block: bitonic(block)[4]))(rows)
    np.testing.assert_array_equal(ordered, np.median(rows, axis=0))


@pytest.mark.parametrize("rule", ALL)
@few
@random
def test_identical_updates_give_that_update(rule, seed, count):
    update = drawn(seed, 1)
    found = aggregate(ALL[rule], np.repeat(update, count, axis=0))
    np.testing.assert_allclose(found, update[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1e3, 1e18])
@pytest.mark.parametrize("rule", MOVING)
@few
@random
def test_far_updates_leave_the_aggregate_among_honest_ones(rule, size, seed, count):
    updates = drawn(seed, count)
    updates[:F] = size * np.abs(updates[:F]) + size
    found, honest = aggregate(MOVING[rule], updates), updates[F:]
    assert (found >= honest.min(axis=0) - 1e-5).all()
    assert (found <= honest.max(axis=0) + 1e-5).all()


def test_attackers_that_collude_do_not_win_over_krum():
    updates = drawn(0, 9)
    updates[:F] = 1e19  # Their squared distances from others overflow.
    for rule in ("krum", "multi_krum", "mda"):
        assert np.abs(aggregate(MOVING[rule], updates)).max() < 5


def bulyan_by_hand(updates, f):
    left, chosen = list(range(len(updates))), []
    while len(chosen) < len(updates) - 2 * f:
        neighbours = max(len(left) - f - 2, 1)
        apart = [
            sorted(((updates[i] - updates[j]) ** 2).sum() for j in left if j != i) for i in left
        ]
        scores = [(sum(near[:neighbours]), sum(near)) for near in apart]
        chosen.append(left.pop(scores.index(min(scores))))
    values = updates[chosen]
    nearest = np.argsort(np.abs(values - np.median(values, axis=0)), axis=0)
    return np.take_along_axis(values, nearest[: len(updates) - 4 * f], axis=0).mean(axis=0)


@pytest.mark.parametrize("count", [11, 12, 16])
def test_bulyan_is_the_papers(count):
    updates = drawn(count, count)
    updates[3] *= 9
    found = decoded(MOVING["bulyan"], stack_of(updates))
    np.testing.assert_allclose(
        found.aggregate, bulyan_by_hand(updates.astype(float), F), rtol=1e-5, atol=1e-6
    )
    assert found.measured["selected"] == count - 2 * F


def krum_by_hand(updates, f):
    apart = ((updates[:, None] - updates[None]) ** 2).sum(axis=2)
    return np.sort(apart, axis=1)[:, 1 : len(updates) - f - 1].sum(axis=1)


@pytest.mark.parametrize("count", [7, 10, 15])
def test_krum_takes_the_papers_number_of_neighbours(count):
    updates = drawn(count, count)
    scores = krum_by_hand(updates.astype(float), F)
    found = decoded(MOVING["krum"], stack_of(updates))
    np.testing.assert_array_equal(found.aggregate, updates[np.argmin(scores)])
    assert found.measured["selected_client"] == np.argmin(scores)
    best = np.argsort(scores)[: count - F]
    found = decoded(MOVING["multi_krum"], stack_of(updates))
    np.testing.assert_allclose(found.aggregate, updates[best].mean(axis=0), atol=1e-6)
    assert found.measured["selected"] == count - F


@pytest.mark.parametrize("byzantine", [0, 1, 3])
def test_mda_finds_the_least_diameter_of_all_subsets(byzantine):
    updates, rule = drawn(byzantine, 11).astype(float), mda(byzantine=byzantine)
    apart = np.linalg.norm(updates[:, None] - updates[None], axis=2)
    subsets = itertools.combinations(range(11), 11 - byzantine)
    least = min(apart[np.ix_(s, s)].max() for s in subsets)
    found = decoded(rule, stack_of(updates))
    assert found.measured["diameter"] == pytest.approx(least, rel=1e-5)


def test_geometric_median_has_the_least_sum_of_distances():
    updates = drawn(0, 11)
    updates[:3] *= 1e6
    found = decoded(geometric_median(iterations=300), stack_of(updates))
    away = updates.astype(float) - found.aggregate
    pull = (away / np.linalg.norm(away, axis=1, keepdims=True)).sum(axis=0)
    np.testing.assert_allclose(pull, 0, atol=1e-3)
    assert found.measured["residual"] < 1e-3


def test_centred_clipping_counts_what_it_clips():
    updates = drawn(0, 10) / 100
    updates[:3] += 5
    found = decoded(centred_clipping(tau=1.0), stack_of(updates))
    assert found.measured["clipped"] == pytest.approx(0.3)
    assert found.measured["residual"] == pytest.approx(np.linalg.norm(found.aggregate), rel=1e-5)


def test_buckets_hold_every_update_once():
    updates = drawn(0, 7)  # Three buckets of two and one of one.
    found = decoded(bucketing(2, trimmed_mean(byzantine=0)), stack_of(updates))
    alone = [(updates.sum(axis=0) + update) / 8 for update in updates]  # The last bucket's.
    assert min(np.abs(found.aggregate - mean).max() for mean in alone) < 1e-6
    assert found.measured["buckets"] == 4


LEAST = {
    1: (median(), geometric_median(), centred_clipping(), mean()),
    5: (trimmed_mean(byzantine=2), meamed(byzantine=2), mda(byzantine=2)),
    7: (krum(byzantine=2), multi_krum(byzantine=2), chain(clip(1.0), krum(byzantine=2))),
    9: (multi_krum(byzantine=2, selected=9), bucketing(2, krum(byzantine=1))),
    11: (bulyan(byzantine=2), nearest_neighbour_mixing(median(), byzantine=5)),
}


@pytest.mark.parametrize("least", LEAST)
def test_rules_know_how_many_messages_they_need(least):
    assert [rule.least for rule in LEAST[least]] == [least] * len(LEAST[least])


@pytest.mark.parametrize("name", sorted(RULES.keys() - {"private_mean"}))
def test_message_that_is_not_finite_is_refused(name):
    from fedwhy.aggregators import Message

    message = Message({"w": jnp.array([1.0, np.nan])}, jnp.float32(3))
    assert RULES[name]().refusal(message) == 1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: krum(byzantine=-1), "^byzantine: expected a whole number of at least 0"),
        (lambda: mda(byzantine=13), "^byzantine: mda looks at 2\\^byzantine subsets"),
        (lambda: multi_krum(selected=0), "^selected"),
        (lambda: bucketing(2, mean()), "^rule: bucketing mixes messages"),
        (lambda: bucketing(2, HIT), "^rule: .* attacked\\(bucketing\\(...\\), ...\\)"),
        (lambda: nearest_neighbour_mixing(HIT), "^rule: an attack .* put it around the whole"),
        (lambda: nearest_neighbour_mixing(chain(clip(), median())), "^rule: .* Links come before"),
    ],
)
def test_rules_that_cannot_be_are_refused(build, message):
    with pytest.raises(ParameterError, match=message):
        build()
