"""DP-FedAvg's mean: every update clipped, all alike, their sum noised, over the planned cohort.

McMahan, Ramage, Talwar and Zhang, "Learning Differentially Private Recurrent Language Models",
ICLR 2018, Algorithm 1, with the estimator of a fixed denominator.

    each client:  u_c = u_c min(1, C / |u_c|)
    server:       u = (sum_c u_c + z C N(0, I)) / m

    C clip    z noise_multiplier    m the cohort that is planned, whoever comes
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fedwhy.aggregators.aggregator import Aggregator, Decoded, Message, Traits
from fedwhy.aggregators.privacy.adaptive_clip import AdaptiveClip
from fedwhy.aggregators.privacy.bounding import bounded, check_untrusted
from fedwhy.aggregators.privacy.noise import Noise, independent
from fedwhy.errors import number
from fedwhy.federated import trees
from fedwhy.parameters import Count, OpenFraction, Positive, checked
from fedwhy.privacy import Accountant, Release
from fedwhy.recipe import recorded

PyTree = Any


class State(NamedTuple):
    """The clipping norm of the next round, float32 scalar, and what the noise remembers."""

    clip: jax.Array
    noise: PyTree


class Sum(NamedTuple):
    """The sum of clipped updates, and how many were inside of the norm and in all; float32."""

    update: PyTree
    inside: jax.Array
    clients: jax.Array


@recorded
@checked
def private_mean(
    *,
    clip: float | AdaptiveClip = 1.0,
    noise_multiplier: Positive = 1.0,
    cohort: Count,
    noise: Noise | None = None,
    delta: OpenFraction | None = None,
    accountant: Accountant = "pld",
) -> Aggregator:
    """The mean of updates that hides whether a client took part: user-level privacy.

    A whole update, with the model's state and all that is sent beside it, is clipped to the norm
    `clip`, a number or `AdaptiveClip()`. The noise on the sum has the standard deviation
    `noise_multiplier * clip`; `noise` is `independent()`, `tree(rounds)` or `banded(bands)`. The
    sum is divided by `cohort`, the number of clients that rounds are planned for. Numbers of
    examples are not asked for.

    Every round's record holds `epsilon` at `delta` (population^-1.1 by default), which is of all
    rounds until then and of what the server makes of them: the models, and not the records, whose
    other numbers are exact. `accountant` is `"pld"` or `"rdp"`. Noise follows from the run's seed,
    so whoever knows the seed can take it away. It is drawn in float32, as if real numbers.

    Raises `ParameterError` for numbers out of range.
    """
    adaptive = clip if isinstance(clip, AdaptiveClip) else None
    initial = adaptive.initial if adaptive else number("clip", clip, above=0)
    process = independent() if noise is None else noise
    multiplier = noise_multiplier
    if adaptive:
        multiplier = adaptive.multiplier_of_updates(noise_multiplier, cohort)

    def init(update: PyTree) -> State:
        return State(jnp.float32(initial), process.init(update))

    def encode(message: Message, kept: PyTree, state: State, key: jax.Array):
        check_untrusted("private_mean", message)
        update, inside = bounded(message.update, state.clip)
        return Sum(update, inside, jnp.ones(())), kept

    def decode(total: Sum, state: State, key: jax.Array) -> Decoded:
        for_noise, for_count = jax.random.split(key)
        noise, remembered = process.draw(state.noise, total.update, for_noise)
        noise = trees.scale(noise, multiplier * state.clip)
        aggregate = trees.scale(trees.add(total.update, noise), 1 / cohort)
        measured = measure(total, state.clip, trees.norm(noise))
        norm = state.clip
        if adaptive:
            norm = adaptive.next(norm, total.inside - total.clients / 2, cohort, for_count)
        return Decoded(aggregate, State(norm, remembered), measured)

    return Aggregator(
        "private_mean",
        encode,
        decode,
        init,
        traits=Traits(bounds=True, noisy=True),
        privacy=Release(
            noise_multiplier, cohort, delta, accountant, process.correlation, process.rounds
        ),
    )


def measure(total: Sum, clip: jax.Array, noise_norm: jax.Array) -> dict[str, jax.Array]:
    """What a round's record holds of its noise; `clipped` is the share of updates cut down."""
    signal = trees.norm(total.update)
    return {
        "clip_norm": clip,
        "clipped": 1 - total.inside / jnp.maximum(total.clients, 1),
        "signal_norm": signal,
        "noise_norm": noise_norm,
        "signal_to_noise": signal / noise_norm,
    }
