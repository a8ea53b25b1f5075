"""What is checked before a round runs: that model, data and algorithm fit each other."""

from typing import Any

import jax
import numpy as np

from fedwhy.data import Batching, Dataset, FederatedDataset, check_values
from fedwhy.errors import DataError, ModelError
from fedwhy.models import Model, Weights


def check_fit(model: Model, weights: Weights, data: Dataset | FederatedDataset) -> None:
    """Raises `DataError` for unusable values, `ModelError` where the outputs do not fit `data`."""
    check_values(data)
    x, y = example(data)
    try:
        output, _ = jax.eval_shape(lambda w, x: model.apply(*w, x, None, False), weights, x)
        loss = jax.eval_shape(model.loss, output, y)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"the model does not take the examples of {data.name!r}: "
            f"x is {shapes(x)}, y is {shapes(y)} (one batch); {error}"
        ) from error
    if model.classes_from_output and data.classes is not None:
        outputs = jax.tree.leaves(output)[0].shape[-1]
        if outputs != data.classes:
            raise ModelError(
                f"the model has {outputs} outputs, but {data.name!r} has {data.classes} classes; "
                f"give its last layer {data.classes} outputs"
            )
    if loss.shape != (2,):
        raise ModelError(
            f"the loss must give one value per example, expected shape [2] for a batch of 2, "
            f"given {list(loss.shape)}"
        )


def check_batches(batching: Batching, clients: FederatedDataset) -> None:
    """Raises `DataError` where no client of the population ever has a batch to train on."""
    if not batching.steps_for(clients.sizes).any():
        raise DataError(
            f"no client of {clients.name!r} fills a batch of {batching.batch_size}: the largest "
            f"holds {clients.sizes.max()} examples, and drop_last leaves smaller batches out; "
            "set drop_last = false, or a smaller batch_size"
        )


def check_same_kind(clients: FederatedDataset, test: Dataset | FederatedDataset) -> None:
    """Raises `DataError` where test examples are shaped otherwise than the clients' examples."""
    for field in ("x", "y"):
        ours, theirs = (shapes(example(d)[field == "y"]) for d in (clients, test))
        if ours != theirs:
            raise DataError(
                f"test data {test.name!r}: {field} is {theirs} a batch of two, the clients' "
                f"is {ours}; prepare both alike"
            )


def example(data: Dataset | FederatedDataset) -> tuple[Any, Any]:
    """Shapes of a batch of two examples, (x, y)."""
    return jax.tree.map(
        lambda a: jax.ShapeDtypeStruct((2, *a.shape[1:]), jax.dtypes.canonicalize_dtype(a.dtype)),
        (data.x, data.y),
    )


def shapes(tree: Any) -> str:
    """'float32[2,8,8,1]', joined for a pytree."""
    return ", ".join(
        f"{np.dtype(a.dtype).name}[{','.join(map(str, a.shape))}]" for a in jax.tree.leaves(tree)
    )
