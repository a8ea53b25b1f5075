"""What the data hold, whatever the model: the accuracy of a linear classifier in closed form.

Ridge regression on standardised inputs with targets 1 for the right class and 0 for the others
(Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", 2009, section 4.2). It needs
one exchange of sums (`X^T X` and `X^T Y`), no learning rate and no initial weights, so none of what
can go wrong in training goes wrong in it.
"""

import jax
import numpy as np

from fedwhy.data import Dataset
from fedwhy.diagnosis.setup import Setup

MOST_EXAMPLES = 10_000
MOST_FEATURES = 1_024
# Of the mean variance; enough for features that are sums of others.
RIDGE = 1e-2


def linear_accuracy(setup: Setup) -> float | None:
    """The classifier's accuracy on the test set, or on every fifth example where there is none.

    None where examples are no rows of numbers with one class each.
    """
    clients, model = setup.clients, setup.model
    x, y = table(model, clients.x, clients.y)
    if x is None:
        return None
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(y))[: MOST_EXAMPLES + MOST_EXAMPLES // 4]
    if setup.test is None:
        held, rows = rows[::5], np.delete(rows, np.s_[::5])
        test_x, test_y = x[held], y[held]
    else:
        test_x, test_y = of_test(model, setup.test)
    if test_x is None or test_x.shape[1] != x.shape[1] or not len(rows) or not len(test_y):
        return None
    return ridge_accuracy(x[rows], y[rows], test_x, test_y)


def of_test(model, test: Dataset):
    """The test set as a table, at most so many examples of it."""
    rows = np.random.default_rng(1).permutation(len(test))[:MOST_EXAMPLES]
    return table(
        model, jax.tree.map(lambda a: np.asarray(a)[rows], test.x), np.asarray(test.y)[rows]
    )


def table(model, x, y) -> tuple[np.ndarray | None, np.ndarray]:
    """Rows float32 `[examples, features]` and classes int `[examples]`; None for what has none."""
    y = np.asarray(y)
    if model.preparation is not None:
        y = np.asarray(model.preparation.labels(y))
    leaves = jax.tree.leaves(x)
    if len(leaves) != 1 or y.ndim != 1 or y.dtype.kind not in "iu":
        return None, y
    leaf = np.asarray(leaves[0])
    if leaf.dtype.kind not in "iuf" or int(np.prod(leaf.shape[1:])) > MOST_FEATURES:
        return None, y
    flat = leaf.reshape(len(leaf), -1)
    return flat, y


def ridge_accuracy(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray) -> float:
    """The accuracy on the test examples of a classifier fitted to the others."""
    x, test_x = x.astype(np.float64), test_x.astype(np.float64)
    finite = np.isfinite(x).all(axis=1)
    x, y = x[finite], y[finite]
    if not len(x):
        return 0.0
    mean, std = x.mean(axis=0), x.std(axis=0)
    std[std == 0] = 1.0
    x, test_x = (x - mean) / std, np.nan_to_num((test_x - mean) / std)
    classes, codes = np.unique(y, return_inverse=True)
    targets = np.eye(len(classes))[codes] - np.bincount(codes)[None] / len(codes)
    gram = x.T @ x / len(x) + RIDGE * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ targets / len(x))
    offset = np.bincount(codes) / len(codes)
    predicted = classes[np.argmax(test_x @ weights + offset, axis=1)]
    return float(np.mean(predicted == test_y))
