"""Edits of local training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fedwhy.algorithms import Client
from fedwhy.diagnosis.edits.common import local, rate
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup


def more_steps(times: int, setup: Setup) -> Edit:
    """Local training of `setup` so many times as long."""
    if setup.local.steps is None:
        epochs = setup.local.epochs * times
        return local(f"{epochs} local epochs", epochs=epochs)
    steps = setup.local.steps * times
    return local(f"{steps} local steps", steps=steps)


def fewer_steps(times: int, setup: Setup) -> Edit:
    """Local training of `setup` so many times shorter, at least one step."""
    if setup.local.steps is None and setup.local.epochs >= times:
        epochs = setup.local.epochs // times
        return local(f"{epochs} local epoch{'s' * (epochs > 1)}", epochs=epochs)
    taken = setup.local.batching.steps_for(setup.clients.sizes)
    steps = max(1, round(float(np.median(taken)) / times))
    return local(f"{steps} local step{'s' * (steps > 1)}", steps=steps, epochs=None)


def unclipped() -> Edit:
    """Gradients as they are."""
    return local("gradients that are not clipped", clip_norm=None, clip_tensor=None)


def without_decay() -> Edit:
    """The client's optimizer, which is not shown the weights, so that none can decay."""

    def apply(setup: Setup) -> Setup:
        inner = optax.with_extra_args_support(setup.local.optimizer)

        def update(updates: Any, state: Any, params: Any = None, **extra: Any):
            hidden = None if params is None else jax.tree.map(jnp.zeros_like, params)
            return inner.update(updates, state, hidden, **extra)

        blind = optax.GradientTransformationExtraArgs(inner.init, update)
        return setup.with_local(optimizer=blind)

    def changes(settings: Settings) -> tuple[Change, ...]:
        named = settings.get("client", {}).get("optimizer")
        return (Change("client", "optimizer", "adam"),) if named == "adamw" else ()

    return Edit(
        "no weight decay at the clients",
        apply,
        changes,
        "optax.adamw(rate)  ->  optax.adam(rate)\n"
        "optax.chain(optax.add_decayed_weights(...), optax.sgd(rate))  ->  optax.sgd(rate)",
    )


def rate_by_optimizer(examples: int, factor: float) -> Edit:
    """The rate of the client's optimizer for all sizes, `factor` times lower at so many examples.

    What else `LocalSGD.rate` depends on, such as the round, stays.
    """
    same = same_for_all_sizes(examples)
    what = "the optimizer's own learning rate for clients of all sizes"

    def apply(setup: Setup) -> Setup:
        return rate(1 / factor).apply(same.apply(setup))

    def changes(settings: Settings) -> tuple[Change, ...]:
        return tuple(c for c in same.changes(settings) if c.key != "learning_rate")

    return same._replace(what=what, apply=apply, changes=changes)


def same_for_all_sizes(examples: int) -> Edit:
    """Every client's rate as if it had so many examples."""
    edit = as_of(
        "the same learning rate for clients of all sizes",
        ("rate_reference", "rate_least", "rate_most"),
        "LocalSGD(..., rate=...)  ->  leave rate out, or rates.by_examples(reference, most=2.0)",
        examples=examples,
    )

    def changes(settings: Settings) -> tuple[Change, ...]:
        client = settings.get("client", {})
        if "rate_reference" not in client:
            return edit.changes(settings)
        least, most = client.get("rate_least", 0.5), client.get("rate_most", 2.0)
        factor = float(np.clip(examples / client["rate_reference"], least, most))
        return (*edit.changes(settings), *rate(factor).changes(settings))

    return edit._replace(changes=changes)


def constant_rate() -> Edit:
    """Every client's rate as it is in round 1 for the client at position 0."""
    return as_of(
        "a learning rate that depends on neither the round nor who trains",
        ("rate_decay",),
        "LocalSGD(..., rate=...)  ->  leave rate out, or rates.by_round(optax.cosine_decay_schedule"
        "(1.0, rounds))",
        round=1,
        position=0,
    )


def as_of(what: str, keys: tuple[str, ...], code: str, **client: int) -> Edit:
    """`LocalSGD.rate` for clients that are as `client` says; `keys` of `[client]` fall away."""

    def apply(setup: Setup) -> Setup:
        given = setup.local.rate
        if given is None:
            return setup
        fixed = {name: jnp.int32(value) for name, value in client.items()}

        def of(one: Client) -> jax.Array:
            return given(one._replace(**fixed))

        return setup.with_local(rate=of)

    def changes(settings: Settings) -> tuple[Change, ...]:
        there = settings.get("client", {})
        return tuple(Change("client", key, None) for key in keys if key in there)

    return Edit(what, apply, changes, code)
