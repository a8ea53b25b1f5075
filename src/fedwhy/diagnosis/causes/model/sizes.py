"""Smaller and larger models for the same inputs and classes.

Of a Keras model that the user has made they are the same layers with other numbers of units, so
that nothing but its size is changed: another model would have none of its other faults either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from fedwhy.diagnosis.edits.model import edited
from fedwhy.diagnosis.edits.rebuilding import front, of_zoo, resized_layers, with_loss_of
from fedwhy.diagnosis.facts.model import ModelFacts
from fedwhy.diagnosis.finding import Change, Edit, Settings
from fedwhy.diagnosis.setup import Setup
from fedwhy.models import Model

NARROW, WIDE = [32], [200, 200]
LEAST_SIDE = 16


def smaller(setup: Setup, facts: ModelFacts) -> Edit | None:
    """A quarter of MobileNet's channels; in place of other models, one narrow hidden layer."""
    recipe = setup.model.recipe
    if recipe is not None and recipe.arguments.get("name") == "mobilenet":
        kept = {k: v for k, v in recipe.arguments.items() if k not in ("name", "classes")}
        thin = kept | {"alpha": kept.get("alpha", 1.0) / 4}
        return _zoo(setup, facts, "a quarter of the channels", "mobilenet", **thin)
    if own_layers(setup, facts):
        return _resized("hidden layers of an eighth of their units", lambda n: max(n // 8, 8))
    hidden = NARROW if facts.parameters > 5000 else []
    what = "one hidden layer of 32 units" if hidden else "no hidden layer"
    return _zoo(setup, facts, what, "mlp", hidden=hidden)


def larger(setup: Setup, facts: ModelFacts) -> Edit | None:
    """Two hidden layers of 200 units; for larger images that have those, convolutions."""
    if own_layers(setup, facts):
        return _resized(
            "hidden layers of four times their units, and at least 200",
            lambda n: max(4 * n, WIDE[0]),
        )
    leaf = jax.tree.leaves(setup.clients.x)[0]
    image = leaf.ndim == 4 and min(leaf.shape[1:3]) >= LEAST_SIDE
    if image and facts.parameters > 20_000:
        return _zoo(setup, facts, "the convolutional network of the zoo", "cnn")
    return _zoo(setup, facts, "two hidden layers of 200 units", "mlp", hidden=WIDE)


def own_layers(setup: Setup, facts: ModelFacts) -> bool:
    """Whether the user's own Keras model has a hidden dense layer."""
    layers = facts.description.layers if facts.description else ()
    dense = sum(layer.kind == "Dense" and layer.parameters > 0 for layer in layers)
    return front(setup.model) == "keras" and dense > 1


def _resized(what: str, size: Callable[[int], int]) -> Edit:
    told = f"Try {what}."
    return edited(what, lambda model: resized_layers(model, size), told)


def _zoo(setup: Setup, facts: ModelFacts, what: str, name: str, **options: Any) -> Edit | None:
    """The model of the zoo with the loss that there is; None where it would not fit."""
    outputs, taken = facts.outputs, facts.taken
    if outputs is None or taken is None or taken.binary or outputs.count < 2:
        return None
    if len(jax.tree.leaves(setup.clients.x)) != 1:
        return None

    def change(model: Model) -> Model:
        made = of_zoo(model, name=name, classes=outputs.count, **options)
        return with_loss_of(made, model, taken.scale)

    def changes(settings: Settings) -> tuple[Change, ...]:
        table = settings.get("model", {})
        if "name" not in table:
            return ()
        gone = (key for key in table if key not in ("name", "classes", *options))
        new = {"name": name, **options}
        return (
            *(Change("model", key, None) for key in gone),
            *(Change("model", key, value) for key, value in new.items()),
        )

    arguments = "".join(f", {key}={value!r}" for key, value in options.items())
    code = f'Try fw.Model.from_zoo("{name}", classes={outputs.count}{arguments}).'
    return edited(what, change, code, changes)
