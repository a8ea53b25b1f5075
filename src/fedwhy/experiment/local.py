"""Local training as `[client]` says, and as `[fine_tune]` does for when the run has ended."""

from typing import Any

import jax
import optax

from fedwhy.algorithms import LocalSGD, rates
from fedwhy.data.augmentation import Augmentation
from fedwhy.errors import ModelError, ParameterError, number
from fedwhy.experiment.file import ExperimentFile
from fedwhy.experiment.tables import Client, FineTune, LocalSteps, local_keys
from fedwhy.models import Model


def local_training(
    file: ExperimentFile, table: Client, augment: tuple[Augmentation, ...]
) -> LocalSGD:
    """The `LocalSGD` of `[client]`; raises `ExperimentError` or `ParameterError`."""
    options: dict[str, Any] = {key: getattr(table, key) for key in local_keys(Client)}
    options["personal"] = tuple(table.personal or ())
    steps = optimizer(file, table, "client")
    return LocalSGD(steps, rate=rate(file, table), augment=augment, **options)


def fine_tuning(file: ExperimentFile, table: FineTune, model: Model, example: Any) -> LocalSGD:
    """The `LocalSGD` of `[fine_tune]`; raises `ExperimentError`.

    `example` is an `x` of any batch size: a model knows its layers once it has seen one.
    """
    with file.blame("fine_tune"):
        options: dict[str, Any] = {key: getattr(table, key) for key in local_keys(FineTune)}
        steps = optimizer(file, table, "fine_tune")
        if table.last_layer:
            model.init(jax.random.key(0), example)
            try:
                model.in_last_layer("")
            except ModelError as error:
                raise file.error("fine_tune.last_layer", str(error)) from error
            options["trainable"] = model.in_last_layer
        return LocalSGD(steps, **options)


def optimizer(file: ExperimentFile, table: LocalSteps, name: str) -> optax.GradientTransformation:
    """The optimizer of the steps that the table called `name` tells."""
    learning_rate = number("learning_rate", table.learning_rate, above=0)
    options: dict[str, Any] = {}
    if table.optimizer in ("sgd", "rmsprop"):
        options["momentum"] = number("momentum", table.momentum, at_least=0, below=1) or None
    elif table.momentum:
        raise file.error(
            f"{name}.momentum", f"{table.optimizer} takes no momentum; use sgd or rmsprop"
        )
    if table.optimizer == "delta_sgd":
        return rates.delta_sgd(learning_rate)
    if table.optimizer == "line_search":
        return rates.line_search(learning_rate)
    return getattr(optax, table.optimizer)(learning_rate, **options)


def rate(file: ExperimentFile, table: Client) -> rates.Rate | None:
    """The factor of a client's steps; None where no key asks for one."""
    factors = []
    if table.rate_decay is not None:
        decay = number("rate_decay", table.rate_decay, above=0, at_most=1)
        factors.append(rates.by_round(optax.exponential_decay(1.0, 1, decay)))
    if table.rate_reference is not None:
        bounds = {"least": table.rate_least, "most": table.rate_most}
        try:
            factors.append(rates.by_examples(table.rate_reference, **bounds))
        except ParameterError as error:
            raise file.error(f"client.rate_{error.parameter}", error.message) from error
    return rates.product(*factors) if factors else None
