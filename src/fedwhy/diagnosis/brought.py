"""What users of other frameworks bring: a Keras model, arrays, metrics by round, updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from fedwhy.aggregators import REASONS
from fedwhy.data import Dataset, FederatedDataset
from fedwhy.data.arrays import take
from fedwhy.diagnosis.facts.updates import Updates
from fedwhy.errors import DataError, ModelError, ParameterError
from fedwhy.models import Model

# What others call the fields of our records, from the most telling name to the least.
NAMES = {
    "test_accuracy": ("test_accuracy", "val_accuracy", "eval_accuracy", "accuracy_test"),
    "test_loss": ("test_loss", "val_loss", "eval_loss", "loss_test"),
    "train_accuracy": (
        *("train_accuracy", "accuracy", "sparse_categorical_accuracy", "categorical_accuracy"),
        *("binary_accuracy", "acc"),
    ),
    "train_loss": ("train_loss", "loss"),
    "clients": ("clients", "num_clients"),
}


def model_of(model: Any) -> Model:
    """A `Model`, made from a compiled Keras model where it is one.

    Raises `ModelError` for a Keras model without a loss, and for anything else.
    """
    if isinstance(model, Model):
        return model
    if not hasattr(model, "get_config") or not hasattr(model, "predict"):
        raise ModelError(
            f"expected a fedwhy.Model or a compiled Keras model, given {type(model).__name__}; "
            "Model.from_functions takes plain functions, Model.from_flax a Flax module"
        )
    if getattr(model, "loss", None) is None:
        raise ModelError(
            "the Keras model has no loss; compile it with the one that your clients train with, "
            "model.compile(loss=...)"
        )

    def build() -> Any:
        import keras

        return keras.models.clone_model(model)

    return Model.from_keras(build, loss=model.loss)


def clients_of(clients: Any, classes: int | None = None) -> FederatedDataset:
    """Clients from `(x, y)` pairs, in a list or by name; a `FederatedDataset` stays as it is.

    Raises `DataError` for what is neither, and for clients whose arrays do not fit each other.
    """
    if isinstance(clients, FederatedDataset):
        return clients
    if not isinstance(clients, Mapping):
        clients = {f"client-{number:03d}": pair for number, pair in enumerate(clients)}
    for name, pair in clients.items():
        if not (isinstance(pair, Sequence) and len(pair) == 2):
            given = type(pair).__name__
            raise DataError(f"client {name!r}: expected a pair (x, y) of arrays, given {given}")
    labels = [np.asarray(y) for _, y in clients.values()]
    return FederatedDataset.from_clients(clients, classes=classes or classes_in(labels))


def classes_by(model: Model, clients: FederatedDataset) -> FederatedDataset:
    """`clients` with as many classes as the model has outputs, where that is more.

    Labels alone do not tell of a class that no client has.
    """
    if not model.classes_from_output or clients.classes is None:
        return clients
    try:
        shape = model.describe(take(clients.x, np.arange(1))).output_shape
    except Exception:  # What the model does not take is refused where it is trained, with the why.
        return clients
    return replace(clients, classes=max(clients.classes, *shape[-1:]))


def test_of(test: Any, classes: int | None) -> Dataset | None:
    """The test set from a pair `(x, y)`; a `Dataset` and None stay as they are."""
    if test is None or isinstance(test, Dataset):
        return test
    x, y = jax.tree.map(np.asarray, tuple(test))
    return Dataset(x, y, classes=classes)


def classes_in(labels: Sequence[np.ndarray]) -> int | None:
    """How many classes labels seem to be of; None for targets that are no class numbers."""
    if not labels or any(y.ndim != 1 or y.dtype.kind not in "iu" or not len(y) for y in labels):
        return None
    return max(int(y.max()) for y in labels) + 1


def history_of(metrics: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records of rounds from metrics by round, whose names may be those of other frameworks.

    Raises `ParameterError` where no round has any metric that is known.
    """
    records = []
    for number, given in enumerate(metrics, start=1):
        known = {
            ours: given[name]
            for ours, names in NAMES.items()
            for name in reversed(names)
            if name in given
        }
        records.append({**given, "round": int(given.get("round", number)), **known})
    if not any(name in record for record in records for name in NAMES):
        expected = ", ".join(names[0] for names in NAMES.values())
        raise ParameterError("history", f"no round has any of {expected}; name the metrics so")
    return records


def updates_of(updates: Sequence[Any], ids: Sequence[str]) -> Updates:
    """`Updates` from what each client of one round sent: pytrees or lists of arrays.

    Raises `ParameterError` for updates of different sizes.
    """
    rows = [
        np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(update)])
        for update in updates
    ]
    if len({len(row) for row in rows}) != 1:
        raise ParameterError("updates", "expected updates of one model, given different sizes")
    matrix = np.stack(rows)
    finite: np.ndarray = np.all(np.isfinite(matrix), axis=1)
    matrix = np.where(finite[:, None], matrix, 0.0)  # As a round takes them: refused.
    norm = np.linalg.norm(matrix, axis=1)
    length = np.maximum(np.outer(norm, norm), np.finfo(float).tiny)
    unknown = np.full(len(rows), np.nan)
    names = tuple(map(str, ids)) or tuple(f"client-{n:03d}" for n in range(len(rows)))
    cosine = matrix @ matrix.T / length
    return Updates(
        position=np.arange(len(rows)),
        ids=names[: len(rows)],
        norm=norm,
        cosine=np.clip(cosine, -1, 1),
        weight=np.ones(len(rows)),
        before=unknown,
        after=unknown,
        refused=tuple("" if taken else REASONS[1] for taken in finite),
        trained_norm=norm,
        fidelity=np.ones(len(rows)),
        after_sent=unknown,
        begins=unknown,
        mean_fidelity=1.0,
        mean_error=0.0,
        mean_norm=float(np.linalg.norm(matrix.mean(axis=0))),
        weights_norm=float("nan"),
        parameters=matrix.shape[1],
        confusion=None,
    )
