"""`LocalFacts`: what a client's optimizer does, found out by trying it on made-up gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fedwhy.algorithms import Client, LocalSGD
from fedwhy.algorithms.stepping import stepped
from fedwhy.diagnosis.facts import trial
from fedwhy.diagnosis.setup import Setup
from fedwhy.errors import ParameterError
from fedwhy.federated import paths, trees
from fedwhy.models import Weights

PyTree = Any

# The root mean square of a made-up gradient.
SIZE = 1e-2
# After so many equal gradients momentum of 0.9 has its nearly full length.
STEPS = 20


class LocalFacts(NamedTuple):
    """Local training as it is, whatever the data.

    - `steps` int64 `[clients]`: local steps that each client takes in a round
    - `rate`: how far a step goes, by how long its gradient is; of an adaptive optimizer, how far it
      moves a parameter, root mean square. Of the first round and a client of median size, with
      `LocalSGD.rate`. NaN where the optimizer looks at the loss
    - `momentum`: how many times as long the last of `STEPS` steps along one gradient is as the
      first
    - `adaptive`: whether parameters with large gradients hardly move further than others
    - `decay`: by which share of themselves weights shrink in a step, beside its way along the
      gradient
    - `pure`: whether the optimizer does the same when it is asked again
    """

    steps: np.ndarray
    rate: float
    momentum: float
    adaptive: bool
    decay: float
    pure: bool

    @property
    def typical_steps(self) -> int:
        """The median of `steps`, at least 1."""
        return max(1, int(np.median(self.steps)))

    @property
    def known(self) -> bool:
        """Whether `rate` says how far plain steps along the gradient go."""
        return bool(np.isfinite(self.rate)) and not self.adaptive


class Tried(NamedTuple):
    """An optimizer's answers: how long the first step and the last one are, and what they are."""

    first: float
    last: float
    adaptive: bool
    decay: float


def local_facts(setup: Setup, weights: Weights | None) -> LocalFacts | None:
    """The facts of `setup`, with its initial `weights`; None where it has no `LocalSGD`."""
    local = setup.local
    if not isinstance(local, LocalSGD) or weights is None:
        return None
    steps = local.batching.steps_for(setup.clients.sizes)
    params, _ = paths.split(weights.params, local.trainable)
    try:
        tried = tries(local.optimizer, params)
    except ParameterError:  # It looks at the loss, such as a search along a line.
        return LocalFacts(steps, np.nan, np.nan, True, 0.0, True)
    return LocalFacts(
        steps,
        tried.first * (SIZE if tried.adaptive else 1.0) * factor(setup),
        tried.last / tried.first if tried.first else 1.0,
        tried.adaptive,
        tried.decay,
        program(local.optimizer, params) == program(local.optimizer, params),
    )


def factor(setup: Setup, **client: int) -> float:
    """What `LocalSGD.rate` says of a client of median size in round 1, or of one with `client`."""
    rate = setup.local.rate
    if rate is None:
        return 1.0
    return float(rate(trial_client(setup, **client)))


def trial_client(setup: Setup, **changes: int) -> Client:
    """A `Client` of median size in round 1, but for `changes`."""
    examples = int(np.median(setup.clients.sizes))
    zero, one = jnp.int32(0), jnp.int32(1)
    client = Client(zero, jnp.int32(examples), one, zero, jnp.float32(1))
    return client._replace(**{name: jnp.int32(value) for name, value in changes.items()})


def tries(optimizer: optax.GradientTransformation, params: PyTree) -> Tried:
    """What the optimizer answers, each by the length of what it was given."""

    def answers(gradient: PyTree, uneven: PyTree) -> tuple[jax.Array, ...]:
        ones, nothing = jax.tree.map(jnp.ones_like, gradient), trees.zeros(gradient)
        begin = optimizer.init(nothing)

        def again(_, carry: tuple[PyTree, PyTree]) -> tuple[PyTree, PyTree]:
            return stepped(optimizer, gradient, carry[1], nothing)

        first, state = stepped(optimizer, gradient, begin, nothing)
        last, _ = jax.lax.fori_loop(1, STEPS, again, (first, state))
        evened, _ = stepped(optimizer, uneven, begin, nothing)
        heavy, _ = stepped(optimizer, gradient, begin, ones)
        decay = trees.dot(trees.subtract(first, heavy), ones) / trees.squared_norm(ones)
        length = trees.norm(gradient)
        adaptive = trial.evened_out(evened)
        return trees.norm(first) / length, trees.norm(last) / length, adaptive, decay

    found = trial.once(answers, trial.normal(params, SIZE, 0), trial.contrast(params))
    first, last, adaptive, decay = (value.item() for value in found)
    return Tried(first, last, adaptive, decay)


def program(optimizer: optax.GradientTransformation, params: PyTree) -> str:
    """What a step computes, in words: another time another one, where it remembers."""

    def step(gradient: PyTree) -> PyTree:
        return stepped(optimizer, gradient, optimizer.init(gradient), gradient)[0]

    traced = jax.make_jaxpr(step)(params)
    return f"{traced} {traced.consts}"
