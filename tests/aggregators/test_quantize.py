"""Quantisation, rotation and QSGD against NumPy, SciPy and a coder in plain Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard as hadamard_matrix
from test_chain import around

from fedwhy.aggregators import Message, chain, mean, qsgd, quantize, rotated
from fedwhy.aggregators.compression.compressing import BLOCKS, REST, Report, measured
from fedwhy.aggregators.compression.elias import elias_length, sparse_length
from fedwhy.aggregators.compression.rotation import fourier, hadamard, inverse_fourier

X = np.random.default_rng(3).normal(size=101).astype(np.float32)


def received(link, x, key=0):
    compressor, x = link.compressor, [jnp.asarray(x)]
    there_and_back = jax.jit(lambda x, key: compressor.unpack(compressor.pack(x, key, ()), x)[0])
    return np.asarray(there_and_back(x, jax.random.key(key)))


@pytest.mark.parametrize("bits", [1, 2, 5, 16])
def test_numbers_become_the_nearest_level_or_one_beside_it(bits):
    levels = np.linspace(X.min(), X.max(), 2**bits)
    distance = np.abs(X[:, None] - levels)
    nearest = received(quantize(bits, stochastic=False), X)
    np.testing.assert_allclose(np.abs(X - nearest), distance.min(axis=1), atol=1e-6)
    drawn, step = received(quantize(bits), X), levels[1] - levels[0]
    assert np.all(np.abs(drawn - X) <= step * (1 + 1e-4))
    np.testing.assert_allclose(np.abs(drawn[:, None] - levels).min(axis=1), 0, atol=1e-6)


def test_constant_array_arrives_exactly():
    np.testing.assert_array_equal(
        received(quantize(2), np.full(7, 0.3, np.float32)), np.float32(0.3)
    )


@pytest.mark.parametrize("power", [0, 1, 5, 8])
def test_hadamard_is_scipys(power):
    x = np.random.default_rng(power).normal(size=2**power).astype(np.float32)
    expected = hadamard_matrix(2**power) @ x / np.sqrt(2**power)
    turn = jax.jit(hadamard)
    np.testing.assert_allclose(turn(x), expected, atol=1e-5)
    np.testing.assert_allclose(turn(turn(x)), x, atol=1e-5)


def test_fourier_is_numpys_and_turns_back():
    x = np.random.default_rng(0).normal(size=30).astype(np.float32)
    expected = np.fft.fft(x[:15] + 1j * x[15:]) / np.sqrt(15)
    turned = fourier(jnp.asarray(x))
    np.testing.assert_allclose(turned, np.r_[expected.real, expected.imag], atol=1e-5)
    np.testing.assert_allclose(inverse_fourier(turned), x, atol=1e-5)


@pytest.mark.parametrize("by", ["hadamard", "fourier"])
def test_rotation_spares_levels_where_one_number_is_large(by):
    spiky = X.copy()
    spiky[7] = 300.0
    plain = np.square(received(quantize(4), spiky) - spiky).sum()
    turned = np.square(received(rotated(quantize(4), by=by), spiky) - spiky).sum()
    assert turned < plain / 3


def elias(k: int) -> str:
    """Elias' omega code, as the paper writes it."""
    code = "0"
    while k > 1:
        binary = f"{k:b}"
        code, k = binary + code, len(binary) - 1
    return code


def written(levels) -> str:
    """A vector of levels as bits."""
    code, last = "", -1
    for place in np.flatnonzero(levels):
        level = int(levels[place])
        code += elias(int(place) - last) + ("1" if level < 0 else "0") + elias(abs(level))
        last = int(place)
    return code + elias(len(levels) - last)


def read(code: str, length: int) -> list[int]:
    """The levels that `written` wrote; bits behind its end are not looked at."""
    at = 0

    def take(count: int) -> str:
        nonlocal at
        at += count
        return code[at - count : at]

    def number() -> int:
        k = 1
        while (first := take(1)) == "1":
            k = int(first + take(k), 2)
        return k

    levels, place = [0] * length, -1
    while (place := place + number()) < length:
        negative = take(1) == "1"
        levels[place] = -number() if negative else number()
    return levels


def test_length_of_a_number_is_that_of_its_code():
    numbers = [*range(1, 70), 255, 256, 65535, 65536, 2**31, 2**32 - 1]
    lengths = jax.jit(elias_length)(jnp.asarray(numbers, jnp.uint32))
    np.testing.assert_array_equal(lengths, [len(elias(k)) for k in numbers])


jit_sparse_length = jax.jit(sparse_length)


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0, 0, 0, 0, 1, -1, 2, -40, 1000]), min_size=40, max_size=40))
def test_vector_is_read_back_from_as_many_bits_as_are_counted(levels):
    code = written(np.array(levels))
    assert read(code + "0110", len(levels)) == levels
    assert jit_sparse_length(jnp.asarray(levels, jnp.int32)) == len(code)


def test_bytes_of_a_round_are_those_of_its_codes():
    levels, bucket = 3, 40
    updates = [
        {"a": jnp.asarray(X), "n": jnp.float32(1)},
        {"a": jnp.zeros(101), "n": jnp.float32(0)},
    ]
    decoded, _ = around(
        chain(qsgd(levels, bucket=bucket), mean()), [Message(u, jnp.float32(1)) for u in updates]
    )
    got = 2 * np.asarray(decoded.aggregate["a"])  # The other client sent zeros.
    norms = [np.linalg.norm(part) for part in np.split(X, [40, 80])]
    signed = np.round(got * levels / np.repeat(norms, 40)[:101]).astype(int)
    expected = 0
    for each in (signed, np.zeros(101, int)):
        expected += int(np.ceil((32 * 3 + len(written(each))) / 8)) + 4 + 4  # number, weight
    assert (decoded.measured[BLOCKS], decoded.measured[REST]) == (0, expected)


def test_large_sums_of_bytes_do_not_overflow():
    each, clients = 3_000_000_001, 300
    parts = tuple(jnp.uint32(clients * part) for part in (each >> 16, each & 0xFFFF))
    found = measured(Report(jnp.float32(clients), jnp.zeros(()), parts))
    assert int(found[BLOCKS]) * 2**16 + int(found[REST]) == clients * each
