"""What all compressors have in common: what they send, what they leave alone, their bias."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_chain import around

from fedwhy.aggregators import (
    Message,
    chain,
    count_sketch,
    error_feedback,
    half_precision,
    majority_vote,
    mean,
    power_sgd,
    qsgd,
    quantize,
    random_k,
    rotated,
    sign,
    top_k,
)
from fedwhy.aggregators.compression.top_k import count
from fedwhy.engine.traffic import size
from fedwhy.errors import ParameterError

RNG = np.random.default_rng(0)
UPDATE = {
    "kernel": jnp.asarray(RNG.normal(size=(30, 10)), jnp.float32),
    "bias": jnp.asarray(RNG.normal(size=10), jnp.float32),
    "personal": None,
    "loss": jnp.float32(0.123456789),
    "counts": jnp.arange(5),
}
OTHERS = 4 + 20  # the loss, and the counts
ARRAYS = [UPDATE["bias"], UPDATE["kernel"]]


def words(numbers, bits):
    return 4 * int(np.ceil(numbers * bits / 32))


# 310 numbers in two arrays
BYTES = [
    (quantize(8), words(310, 8) + 2 * 8),
    (quantize(3, stochastic=False), words(310, 3) + 2 * 8),
    (rotated(quantize(3)), 4 + words(512, 3) + 8),
    (rotated(quantize(3), by="fourier"), 4 + words(310, 3) + 8),
    (half_precision("float16"), 2 * 310),
    (sign(), words(310, 1) + 2 * 4),
    (top_k(0.1), 31 * 4 + words(31, 9)),
    (top_k(1e-9), 4 + words(1, 9)),
    (random_k(0.1), 4 + 31 * 4),
    (power_sgd(2), 4 * 2 * (30 + 10) + 4 * 10),
    (error_feedback(top_k(0.1)), 31 * 4 + words(31, 9)),
    (error_feedback(random_k(0.1)), 4 + 4 + 31 * 4),
    (count_sketch(3, columns=20), 4 * 3 * 20),
]


@pytest.mark.parametrize(("link", "expected"), BYTES, ids=lambda value: getattr(value, "name", ""))
def test_bytes_are_those_of_what_is_packed_and_the_rest_goes_along_as_it_is(link, expected):
    aggregator = chain(link, mean())
    assert size(jax.eval_shape(cast(Any, aggregator.packed), UPDATE)) == expected + OTHERS
    decoded, _ = around(aggregator, [Message(UPDATE, jnp.float32(2))])
    aggregate = decoded.aggregate
    assert jax.tree.map(jnp.shape, aggregate) == jax.tree.map(jnp.shape, UPDATE)
    assert aggregate["personal"] is None and aggregate["loss"] == UPDATE["loss"]
    np.testing.assert_array_equal(aggregate["counts"], UPDATE["counts"])


def test_update_of_single_numbers_is_not_compressed():
    update = {"w": jnp.float32(0.3)}
    for link in (quantize(1), qsgd(), rotated(sign()), error_feedback(top_k()), count_sketch()):
        decoded, _ = around(chain(link, mean()), [Message(update, jnp.float32(1))])
        assert decoded.aggregate["w"] == update["w"]


UNBIASED = [
    quantize(1),
    quantize(4),
    rotated(quantize(2)),
    rotated(quantize(2), by="fourier"),
    qsgd(1),
    qsgd(4, bucket=100),
    rotated(qsgd(2)),
    random_k(0.2),
]


@pytest.mark.parametrize("link", UNBIASED, ids=lambda link: link.name)
def test_unbiased_compressor_has_the_right_mean_and_a_bounded_variance(link):
    compressor, keys = link.compressor, 4000

    def error(key):
        received = compressor.unpack(compressor.pack(ARRAYS, key, ()), ARRAYS)
        return jnp.concatenate([(r - x).ravel() for r, x in zip(received, ARRAYS, strict=True)])

    errors = np.asarray(jax.jit(jax.vmap(error))(jax.random.split(jax.random.key(1), keys)))
    along = errors @ np.random.default_rng(2).normal(size=(310, 20))
    assert np.all(np.abs(along.mean(axis=0)) <= 5 * along.std(axis=0) / np.sqrt(keys))
    squares = sum(float(jnp.sum(x**2)) for x in ARRAYS)
    variance = np.mean(np.sum(errors**2, axis=1)) / squares
    assert 0 < variance <= compressor.variance(ARRAYS) * 1.02


@pytest.mark.parametrize("levels", [1, 3, 40])
def test_variance_bounds_are_those_of_the_papers(levels):
    one = [jnp.zeros(400)]
    few = cast(Any, qsgd(levels, bucket=400).compressor)
    assert few.variance(one) == pytest.approx(min(400 / levels**2, 20 / levels))
    assert cast(Any, random_k(0.1).compressor).variance(one) == pytest.approx(9)


def test_relative_error_is_the_mean_over_clients():
    updates = [{"w": jnp.array([4.0, 1.0])}, {"w": jnp.array([0.0, 2.0])}, {"w": jnp.zeros(2)}]
    messages = [Message(u, jnp.float32(n)) for u, n in zip(updates, (1, 50, 3), strict=True)]
    decoded, _ = around(chain(top_k(0.5), mean()), messages)
    assert decoded.measured["compression_error"] == pytest.approx((1 / 17 + 0 + 0) / 3)


def test_half_precision_rounds_as_numpy_does_and_stays_finite():
    x = jnp.array([1 / 3, 1e6, -1e9, 1e-9])
    decoded, _ = around(chain(half_precision("float16"), mean()), [Message(x, jnp.float32(1))])
    expected = np.clip(x, -65504, 65504).astype(np.float16)
    np.testing.assert_array_equal(decoded.aggregate, expected.astype(np.float32))


VOTES = [
    {"w": jnp.array(v), "loss": jnp.float32(v[0])}
    for v in ([1.0, -2, 3], [5.0, 2, -3], [-4.0, 0, -1])
]


@pytest.mark.parametrize(("step", "size"), [(0.1, 0.1), (None, (2 + 10 / 3 + 5 / 3) / 3)])
def test_majority_decides_the_sign_whatever_clients_weigh(step, size):
    messages = [Message(u, jnp.float32(n)) for u, n in zip(VOTES, (1, 1, 900), strict=True)]
    for pieces in ([], [sign()]):
        decoded, _ = around(chain(*pieces, majority_vote(step=step)), messages)
        np.testing.assert_allclose(decoded.aggregate["w"][::2], [size, -size], rtol=1e-6)
        # A bit has no zero: sign() sends that of the last client as +, without it chance decides.
        assert decoded.aggregate["w"][1] in ([size] if pieces else [size, -size])
        assert decoded.aggregate["loss"] == pytest.approx(2 / 3)


def test_numbers_that_are_zero_vote_by_chance():
    messages = [Message({"w": jnp.zeros(1000)}, jnp.float32(1))]
    decoded, _ = around(majority_vote(step=1.0), messages)
    assert set(np.unique(decoded.aggregate["w"])) == {-1, 1}
    assert abs(np.mean(decoded.aggregate["w"])) < 0.15  # five deviations


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: error_feedback(error_feedback(top_k())), "expected what compresses"),
        (lambda: rotated(error_feedback(quantize())), "expected what compresses"),
        (lambda: quantize(17), "at most 16"),
        (lambda: quantize(0), "at least 1"),
        (lambda: top_k(0), "> 0"),
        (lambda: rotated(quantize(), by=cast(Any, "walsh")), "hadamard"),
        (lambda: chain(error_feedback(top_k()), quantize(), mean()), "come last"),
    ],
)
def test_impossible_settings_are_refused(build, message):
    with pytest.raises(ParameterError, match=message):
        build()


def test_share_of_the_numbers_is_not_one_more_by_rounding():
    assert [count(share, 100) for share in (0.07, 0.14, 0.28, 0.071, 1e-12, 1.0)] == [
        7,
        14,
        28,
        8,
        1,
        100,
    ]
    assert count(0.5, 0) == 0
