"""`ClientScores`: how a model does on each of some clients' examples."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.data.arrays import take
from fedwhy.models import Model, Weights

# The most examples of a client that are looked at, and the most classes that are told apart.
MOST_EXAMPLES, MOST_CLASSES = 256, 100


class Score(NamedTuple):
    """The mean loss of one client's examples, and how they were taken.

    `confusion` int64 `[classes, classes]` counts its examples by label and by predicted class;
    None for what is no classification of single labels, or into more than 100 classes.
    """

    loss: float
    confusion: np.ndarray | None


class ClientScores:
    """Scores of `model` on the examples of clients of `data`, of each at most the first 256."""

    def __init__(self, model: Model, data: FederatedDataset):
        self.data, self.batch = data, min(MOST_EXAMPLES, data.largest)
        classes = data.classes or 0
        tells = model.classes_from_output and data.y.ndim == 1 and 1 < classes <= MOST_CLASSES
        self.classes = classes if tells else None

        def score(weights: Weights, x, y) -> tuple[jax.Array, jax.Array]:
            output, _ = model.apply(*weights, x, None, False)
            predicted = jnp.argmax(output, axis=-1) if tells else jnp.zeros(len(y), int)
            return model.loss(output, y), predicted

        self._score = jax.jit(score)

    def __call__(self, weights: Weights, position: int) -> Score:
        """The score of `weights` on the examples of the client at `position`."""
        begin, end = self.data.offsets[position : position + 2]
        count = min(end - begin, self.batch)
        rows = begin + np.arange(self.batch) % count
        x, y = take((self.data.x, self.data.y), rows)
        losses, predicted = jax.device_get(self._score(weights, x, y))
        confusion = None
        if self.classes:
            confusion = np.zeros((self.classes, self.classes), np.int64)
            known = (y[:count] >= 0) & (y[:count] < self.classes)
            np.add.at(confusion, (y[:count][known], predicted[:count][known]), 1)
        return Score(float(losses[:count].mean(dtype=np.float64)), confusion)
