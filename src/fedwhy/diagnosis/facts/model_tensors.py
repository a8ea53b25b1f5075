"""`Tensor`: one parameter tensor of a model, and the gradient that reaches it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fedwhy.diagnosis.edits.initial_weights import is_kernel
from fedwhy.federated import paths

PyTree = Any


class Tensor(NamedTuple):
    """A parameter tensor, and the gradient of one batch's mean loss, without penalties.

    - `path`, `shape`; `kernel`: whether it has two axes or more
    - `weight`, `gradient`: Euclidean norms at the initial weights
    - `redrawn`: norm of the gradient at weights drawn anew, see `drawn_anew`
    - `dead`: the share of its units (the last axis) that no example of the batch gives a gradient
    - `alike`: whether all its units are equal, and so are their gradients
    """

    path: str
    shape: tuple[int, ...]
    kernel: bool
    weight: float
    gradient: float
    redrawn: float
    dead: float
    alike: bool


def tensors(params: PyTree, gradient: PyTree, redrawn: PyTree) -> tuple[Tensor, ...]:
    """Every floating tensor of `params`, with its gradients."""
    leaves = zip(
        paths.with_paths(params),
        (leaf for _, leaf in paths.with_paths(gradient)),
        (leaf for _, leaf in paths.with_paths(redrawn)),
        strict=True,
    )
    return tuple(
        _tensor(path, is_kernel(weight), *(np.asarray(a, np.float64) for a in (weight, g, other)))
        for (path, weight), g, other in leaves
        if np.issubdtype(np.asarray(weight).dtype, np.floating)
    )


def _tensor(
    path: str, kernel: bool, weight: np.ndarray, gradient: np.ndarray, redrawn: np.ndarray
) -> Tensor:
    units = weight.shape[-1] if weight.ndim else 1
    columns, slopes = weight.reshape(-1, units), gradient.reshape(-1, units)
    several = kernel and units > 1
    return Tensor(
        path,
        weight.shape,
        kernel,
        weight=float(np.linalg.norm(weight)),
        gradient=float(np.linalg.norm(gradient)),
        redrawn=float(np.linalg.norm(redrawn)),
        dead=float(np.mean(~slopes.any(axis=0))),
        alike=several and _alike(columns) and _alike(slopes),
    )


def _alike(columns: np.ndarray) -> bool:
    """Whether all columns are the same, but for rounding."""
    return bool(np.allclose(columns, columns[:, :1], rtol=1e-4, atol=1e-9))
