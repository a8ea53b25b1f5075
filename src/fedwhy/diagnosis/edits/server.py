"""Edits of the aggregation, the server, and the algorithm as a whole."""

from __future__ import annotations

import inspect

import optax

from fedwhy.aggregators import Weighting
from fedwhy.algorithms import ALGORITHMS, SERVER_OPTIMIZERS, innermost
from fedwhy.algorithms.algorithm import global_weights
from fedwhy.algorithms.averaging import AVERAGES
from fedwhy.diagnosis.edits.aggregator import exchanged, with_its_own_mean
from fedwhy.diagnosis.edits.common import rounded, times, without_change
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup


def server_rate(factor: float) -> Edit:
    """Every step of the server so many times as long, whatever its optimizer."""

    def apply(setup: Setup) -> Setup:
        takes = signature(setup)
        if "learning_rate" in takes:
            now = setup.arguments.get("learning_rate", takes["learning_rate"].default)
            return setup.changed(learning_rate=now * factor)
        if "server" in takes:
            now = setup.arguments.get("server") or optax.sgd(1.0)
            return setup.changed(server=optax.chain(now, optax.scale(factor)))
        return without_change(setup)

    def changes(settings: Settings) -> tuple[Change, ...]:
        return (Change("server", "learning_rate", rounded(factor * rate_of(settings))),)

    return Edit(f"the server learning rate {times(factor)}", apply, changes)


def server_optimizer(what: str, name: str, **options: float) -> Edit:
    """Another server optimizer of `SERVER_OPTIMIZERS`."""

    def apply(setup: Setup) -> Setup:
        if "server" not in signature(setup):
            return without_change(setup)
        return setup.changed(server=SERVER_OPTIMIZERS[name](**options))

    def changes(settings: Settings) -> tuple[Change, ...]:
        gone = settings.get("server", {}).keys() - {"optimizer", *options} - of_average(settings)
        return (
            *(Change("server", key, None) for key in sorted(gone)),
            Change("server", "optimizer", name),
            *(Change("server", key, value) for key, value in options.items()),
        )

    return Edit(what, apply, changes)


def weighted(what: str, weighting: str) -> Edit:
    """Clients that count by another rule, which takes no cap."""

    def changes(settings: Settings) -> tuple[Change, ...]:
        capped = "cap" in settings.get("algorithm", {})
        without = (Change("algorithm", "cap", None),) if capped else ()
        return (*without, Change("algorithm", "weighting", weighting))

    return Edit(what, lambda setup: reweighted(setup, weighting), changes)


def reweighted(setup: Setup, weighting: str | Weighting) -> Setup:
    """`setup` where clients count by another rule in the mean, with all that stands around it.

    A mean in an aggregator that was given, or under attack, is not the one that the algorithm would
    have now, so it is exchanged as well; an algorithm of another kind of mean has only its own.
    """
    setup = setup.changed(weighting=weighting)
    if innermost(setup.algorithm).aggregator.name != "mean":
        return setup.changed(algorithm=with_its_own_mean(setup.algorithm))
    return exchanged(setup, "mean", lambda made: made.recipe.again(weighting=weighting))


def of_average(settings: Settings) -> set[str]:
    """The keys of `[server]` that say by which average the model is judged, and who is trusted."""
    averaging = settings.get("server", {}).get("averaging")
    own = inspect.signature(AVERAGES[averaging]).parameters if averaging else ()
    return {"averaging", "agreement", *own}


def plain_server() -> Edit:
    """The mean update applied as it is."""
    what = "the mean update added as it is (server SGD with rate 1)"
    return server_optimizer(what, "sgd", learning_rate=1.0)


def rate_of(settings: Settings) -> float:
    """The server's learning rate in these tables, or what it is where they name none."""
    server = settings.get("server", {})
    if "learning_rate" in server:
        return server["learning_rate"]
    algorithm = ALGORITHMS[settings.get("algorithm", {}).get("name", "fedavg")]
    takes = inspect.signature(algorithm).parameters
    if "learning_rate" not in takes:
        takes = inspect.signature(SERVER_OPTIMIZERS[server.get("optimizer", "sgd")]).parameters
    return takes["learning_rate"].default


def signature(setup: Setup) -> dict[str, inspect.Parameter]:
    """The parameters of the call that made the algorithm; empty for one made by hand."""
    if setup.algorithm.recipe is None:
        return {}
    recipe = innermost(setup.algorithm).recipe
    return {} if recipe is None else dict(inspect.signature(recipe.function).parameters)


def plain_mean() -> Edit:
    """The algorithm's own mean of the messages, in place of another aggregator."""
    return Edit(
        "the plain mean of the messages",
        lambda setup: setup.changed(algorithm=with_its_own_mean(setup.algorithm)),
        lambda settings: tuple(
            Change("aggregator", key, None) for key in settings.get("aggregator", {})
        ),
        "algorithm.with_aggregator(...)  ->  algorithm",
    )


def judged_by_the_model() -> Edit:
    """The weights that the server trains are those that are evaluated."""
    return Edit(
        "the trained weights evaluated",
        lambda setup: setup.changed(algorithm=setup.algorithm._replace(evaluated=global_weights)),
        code="Algorithm(..., evaluated=...)  ->  leave evaluated out, or return server.weights",
    )
