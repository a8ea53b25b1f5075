"""Count, mean and variance of all clients' examples, as a federated computation.

Each client sends three arrays and no example. The server joins them by the formula of Chan, Golub
and LeVeque 1983, "Algorithms for computing the sample variance: analysis and recommendations", The
American Statistician 37(3), which loses no digits where the mean is large against the deviation.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import fedwhy.federated as ff
from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.leaves import named_arrays
from fedwhy.data.preparation.blocks import blocks, one_example, rows_at_once
from fedwhy.errors import DataError

PyTree = Any

# What the features of an example have one mean and deviation for: each, each channel, or all.
PER = ("feature", "channel", "all")


class Moments(NamedTuple):
    """How many values there are, their sum, and their summed squared distance to their mean.

    `count` is `[..., 1]`, `total` and `centred` are `[..., features]`, all float64.
    """

    count: Any
    total: Any
    centred: Any


def federated_moments(
    clients: FederatedDataset,
    per: str,
    leaf: str | None = None,
    inputs: Callable[[PyTree], PyTree] | None = None,
) -> dict[str, Moments]:
    """Moments `[features]` of all clients' examples, by the names of their arrays.

    `inputs` is what is done to a batch before; `per` is one of `PER`. Clients are asked a group at
    a time, and the groups joined, so that a million of them need little memory. Raises `DataError`
    naming the first client that holds a value that is not finite.
    """
    shapes = {
        name: array.shape[1:]
        for name, array in named_arrays(one_example(clients.x, inputs), leaf).items()
    }
    features = {name: count_features(shape, per) for name, shape in shapes.items()}
    at_once = rows_at_once(one_example(clients.x), one_example(clients.x, inputs))
    inputs = None if inputs is None else jax.jit(inputs)
    with jax.enable_x64(True):
        joins = {name: joining(count) for name, count in features.items()}
    found: dict[str, Moments] = {}
    for group in range(0, clients.clients, at_once):
        offsets = clients.offsets[group : group + at_once + 1]
        examples = blocks(inputs, clients.x, int(offsets[0]), int(offsets[-1]), at_once)
        sent = client_moments(examples, offsets, features, leaf)
        for name, moments in sent.items():
            check_finite(clients.ids[group:], name, moments)
            with jax.enable_x64(True):
                joined = Moments(*jax.device_get(joins[name](moments)))
            found[name] = merge(found[name], joined) if name in found else joined
    return found


def count_features(shape: tuple[int, ...], per: str) -> int:
    """How many means an array of examples of this shape has."""
    return {"feature": math.prod(shape), "channel": math.prod(shape[-1:]), "all": 1}[per]


def client_moments(
    examples: Iterator[tuple[int, int, PyTree]],
    offsets: np.ndarray,
    features: dict[str, int],
    leaf: str | None,
) -> dict[str, Moments]:
    """What each client computes of its own examples: moments `[clients, features]` by name.

    `examples` are blocks of the rows from `offsets[0]` to `offsets[-1]`; a client whose rows lie in
    several of them merges what it finds in each.
    """
    clients = len(offsets) - 1
    own = {
        name: Moments(*(np.zeros((clients, count)) for count in (1, width, width)))
        for name, width in features.items()
    }
    for first, end, block in examples:
        cut = np.clip(offsets, first, end)
        present = np.flatnonzero(np.diff(cut))
        for name, array in named_arrays(block, leaf).items():
            values = np.asarray(array, np.float64).reshape(-1, features[name])
            each = len(values) // (end - first)
            starts, sizes = (cut[present] - first) * each, np.diff(cut)[present] * each
            before = Moments(*(kept[present] for kept in own[name]))
            after = merge(before, moments_of(values, starts, sizes))
            for kept, new in zip(own[name], after, strict=True):
                kept[present] = new
    return own


def moments_of(values: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> Moments:
    """Moments `[n, features]` of n runs of rows in `values` `[rows, features]`, one after another.

    Distances are taken to each run's own mean, in a second pass.
    """
    count = sizes[:, None].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # Left to `check_finite`, which names it.
        total = np.add.reduceat(values, starts)
        apart = values - np.repeat(total / count, sizes, axis=0)
        return Moments(count, total, np.add.reduceat(np.square(apart, out=apart), starts))


def merge(a: Moments, b: Moments) -> Moments:
    """The moments of the values of both; either may have none."""
    count = a.count + b.count
    with np.errstate(invalid="ignore", over="ignore"):
        apart = a.total / np.maximum(a.count, 1) - b.total / np.maximum(b.count, 1)
        between = apart**2 * (a.count * b.count / np.maximum(count, 1))
        return Moments(count, a.total + b.total, a.centred + b.centred + between)


def joining(features: int) -> ff.Computation:
    """The computation that joins the clients' moments at the server."""
    sent = Moments(*(ff.tensor(jnp.float64, size) for size in (1, features, features)))

    @ff.federated_computation(ff.at_clients(sent))
    def join_moments(own):
        count, total = ff.sum(own[0]), ff.sum(own[1])
        mean = ff.map(jnp.divide, total, count)
        about_joint_mean = ff.map(about, own, ff.broadcast(mean))
        return ff.zip(Moments(count, total, ff.sum(about_joint_mean)))

    return join_moments


def about(own: Moments, mean: jax.Array) -> jax.Array:
    """A client's summed squared distance to `mean`, of its distance to its own."""
    return own.centred + own.count * (own.total / own.count - mean) ** 2


def check_finite(ids: np.ndarray, name: str, moments: Moments) -> None:
    """Raises `DataError` for the first of the clients `ids` whose moments are not finite."""
    bad = ~np.isfinite(moments.centred).all(axis=1)
    if bad.any():
        field = f"x[{name!r}]" if name else "x"
        raise DataError(
            f"client {ids[np.argmax(bad)].item()!r}: {field} holds values that are not finite, "
            "which have no mean; repair them, or leave the examples out"
        )
