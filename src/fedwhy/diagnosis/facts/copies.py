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
    """

    elsewhere: np.ndarray
    in_test: np.ndarray
    tested: float


def copies_of(clients: Any, test: Any) -> Copies | None:
    """The copies among `clients` and in `test`, which may be None; None for small examples.

    Clients would send hashes of their examples, 64 bits each, under a key that the server does not
    have.
    """
    if sum(a[0].size for a in jax.tree.leaves(clients.x)) < SMALL:
        return None
    own = hashes(clients.x)
    first = np.unique(own, return_index=True, return_inverse=True)
    earliest = clients.owner[first[1]][first[2]]
    elsewhere = earliest < clients.owner
    if test is None:
        return Copies(elsewhere, np.zeros(len(own), bool), 0.0)
    theirs = hashes(test.x)
    return Copies(elsewhere, np.isin(own, theirs), float(np.isin(theirs, own).mean()))


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
