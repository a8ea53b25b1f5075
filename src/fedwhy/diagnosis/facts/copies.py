"""`Copies`: examples that are there more than once, found by their hashes."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from fedwhy.data.arrays import row_blocks
from fedwhy.data.keyed import mix

# A smaller example than so many numbers may be met twice by chance.
SMALL = 8


class Copies(NamedTuple):
    """Which examples are copies of others: their inputs are the same.

    - `elsewhere` bool `[examples]`: an earlier client has the same example
    - `in_test` bool `[examples]`: the test set has it
    - `tested` float: the share of the test set that clients have, too
    - `confused`, `test_confused` float: how often copies have other labels, relative to examples
      drawn at random. A copy keeps its label; inputs so coarse that they meet by chance do not
    """

    elsewhere: np.ndarray
    in_test: np.ndarray
    tested: float
    confused: float
    test_confused: float


def copies_of(clients: Any, test: Any) -> Copies | None:
    """The copies among `clients` and in `test`, which may be None; None for small examples.

    Clients would send hashes of their examples, 64 bits each, under a key that the server does not
    have.
    """
    if sum(a[0].size for a in jax.tree.leaves(clients.x)) < SMALL:
        return None
    own, labels = hashes(clients.x), hashes(clients.y)
    kinds, first, of = np.unique(own, return_index=True, return_inverse=True)
    earliest = first[of]
    elsewhere = clients.owner[earliest] < clients.owner
    usual = chance_of_difference(labels)
    confused = differing(labels[elsewhere], labels[earliest[elsewhere]], usual)
    if test is None:
        return Copies(elsewhere, np.zeros(len(own), bool), 0.0, confused, 0.0)
    theirs = hashes(test.x)
    at = np.minimum(np.searchsorted(kinds, theirs), len(kinds) - 1)
    known = kinds[at] == theirs
    given = hashes(test.y)[known]
    test_confused = differing(given, labels[first[at[known]]], usual)
    return Copies(elsewhere, np.isin(own, theirs), float(known.mean()), confused, test_confused)


def chance_of_difference(labels: np.ndarray) -> float:
    """How often two examples at random have other labels: `1 - sum_k p_k^2`."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return 1 - float(np.square(shares).sum())


def differing(one: np.ndarray, other: np.ndarray, usual: float) -> float:
    """How often labels differ, relative to what is usual; 0 where none are there to compare."""
    return float((one != other).mean()) / usual if one.size and usual > 0 else 0.0


def hashes(tree: Any) -> np.ndarray:
    """A hash of each example, uint64 `[examples]`; equal examples have equal ones.

    The sum of its words times random odd numbers, modulo 2^64 (Carter and Wegman 1979, "Universal
    classes of hash functions"). Two examples of so many millions are alike by chance with a
    probability below 1e-4. Numbers are compared as float32, whatever their type.
    """
    arrays = [array.reshape(len(array), -1) for array in jax.tree.leaves(tree)]
    found = np.zeros(len(arrays[0]), np.uint64)
    generator = np.random.default_rng(0)
    for array in arrays:
        keys = generator.integers(1 << 62, size=array.shape[1], dtype=np.uint64) * 2 + 1
        for rows in row_blocks(array, values=1 << 18):
            # Adding 0.0 makes -0.0 the same as 0.0.
            words = (np.asarray(array[rows], np.float32) + np.float32(0)).view(np.uint32)
            found[rows] = mix(found[rows] + (words * keys).sum(axis=1, dtype=np.uint64))
    return found
