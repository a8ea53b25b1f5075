"""Random numbers by key."""

import numpy as np
from scipy.stats import kstest

from fedwhy.data.keyed import GOLDEN, keys, keys_of_ids, mix, normals, permutations


def test_mix_is_splitmix64():
    # The first outputs from seed 1234567, as the reference implementation in C prints them.
    states = np.uint64(1234567) + np.arange(3, dtype=np.uint64) * GOLDEN
    assert mix(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_keys_differ_by_every_part_and_broadcast():
    clients, rounds = np.indices((100, 100)).reshape(2, -1)
    several = keys(3, rounds, clients)
    assert len(set(several.tolist())) == 10_000
    assert keys(3, 7, 5).tolist() == several[(rounds == 7) & (clients == 5)].tolist()
    assert keys(4, 7, 5) != keys(3, 7, 5)


def test_the_key_of_an_id_does_not_depend_on_the_other_ids():
    alone, among = keys_of_ids(np.array(["anna"])), keys_of_ids(np.array(["anna", "bartholomew"]))
    assert alone[0] == among[0] != among[1]
    assert len(set(keys_of_ids(np.array(["ab", "ba", "a", "b", ""])).tolist())) == 5
    small, large = (keys_of_ids(np.array([1, 2], t)) for t in (np.int8, np.int64))
    assert np.array_equal(small, large)


def test_permutations_are_uniform():
    ordered = permutations(np.full(6000, 3), keys(0, np.arange(6000))).reshape(-1, 3)
    _, counts = np.unique(ordered, axis=0, return_counts=True)
    # Six orders, each 1000 times in the mean with a standard deviation of 29.
    assert len(counts) == 6
    assert np.abs(counts - 1000).max() < 4 * 29


def test_normals_are_normal_and_belong_to_their_key():
    many = normals(keys(0, np.arange(1000)), 51)
    assert many.shape == (1000, 51)
    assert kstest(many.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(many[:, 0], many[:, 1])[0, 1]) < 4 / np.sqrt(1000)
    assert np.array_equal(normals(keys(0, [7]), 51)[0], many[7])
