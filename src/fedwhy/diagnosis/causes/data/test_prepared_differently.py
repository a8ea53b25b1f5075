"""FW108: the test set's inputs look other than the clients'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.data import DataFacts
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

FAR, VERY_FAR = 0.25, 1.0
SPREAD = 2.0  # As log2 of a variance.
SIGMAS = 2.0
FIXED = 0.5  # Another view of the test set is the clients' if it halves the distance.

VIEWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "images transposed": lambda a: a.swapaxes(1, 2),
    "images turned upside down": lambda a: a[:, ::-1],
    "images mirrored": lambda a: a[:, :, ::-1],
    "channels in the reverse order": lambda a: a[..., ::-1],
}


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it by the distance of mean and spread from what the test labels lead to expect."""
    data = evidence.data
    if data.test_shift is None or data.scale is None:
        return None
    if data.table is None or data.test_table is None:
        return None
    usual = usual_for_clients(data)
    far, spread = float(data.test_shift.mean[0]), float(data.test_shift.spread[0]) - usual.spread
    if far < max(FAR, usual.mean) and abs(spread) < max(SPREAD, usual.spreads):
        return None
    own, test = data.table.x, data.test_table.x
    return Suspicion(
        why=f"test inputs have the mean {test.mean():.3g} and deviation {test.std():.3g}, clients' "
        f"{own.mean():.3g} and {own.std():.3g}: the mean test input lies {far:.2g} standard "
        "deviations from where its labels lead to expect it",
        confidence=0.9 if far > VERY_FAR or abs(spread) > 2 * SPREAD else 0.6,
        evidence={
            "distance": far,
            "spread": spread,
            "test_mean": float(test.mean()),
            "test_deviation": float(test.std()),
            "mean": float(own.mean()),
            "deviation": float(own.std()),
        },
        prescription=repair(data.setup.clients.x, own, test, data.scale.deviation, far),
        severity=Severity.error if far > 2 * VERY_FAR else Severity.warning,
    )


class Usual(NamedTuple):
    """How far clients lie from what their labels lead to expect.

    - `mean`: the distance of mean inputs beyond which a test set is unlike any client
    - `spread`, `spreads`: log2 of their variances relative to the expected one, the mean over
      clients, and the distance from it beyond which a test set is unlike any
    """

    mean: float
    spread: float
    spreads: float


def usual_for_clients(data: DataFacts) -> Usual:
    """What is usual by a random effect of each client.

    If those have the variance T, a test set from one more client is expected to lie
    `T (1 + sum_c w_c^2)` off the mean of clients who weigh w_c, in squares.
    """
    if data.shift is None or data.table is None or len(data.table.sizes) < 2:
        return Usual(0.0, 0.0, 0.0)
    weights = data.table.sizes / data.table.sizes.sum()
    alone = float(np.square(weights).sum())  # A client's own part in the mean.
    variance = float((weights * np.square(data.shift.mean)).sum()) / max(1 - alone, alone)
    spread = float((weights * data.shift.spread).sum())
    spreads = float(np.sqrt((weights * np.square(data.shift.spread - spread)).sum()))
    return Usual(SIGMAS * float(np.sqrt(variance * (1 + alone))), spread, SIGMAS * spreads)


def repair(
    inputs: Any, own: np.ndarray, test: np.ndarray, deviation: np.ndarray, far: float
) -> Edit:
    """The test set prepared as the clients' examples are.

    `inputs` are the clients' as they are kept; `own` and `test` `[examples, features]` are as the
    model sees them.
    """

    def edit(what: str, function: Callable[[np.ndarray], np.ndarray]) -> Edit:
        code = "test = preparation.apply(raw_test)  # what was fitted on the clients"
        return data_edits.inputs(what, function, code=code, of=data_edits.TESTS)

    view = best_view(inputs, own, test, deviation, far)
    if view is not None:
        return edit(f"test {view}", VIEWS[view])
    factor, offset = affine(own, test)
    if abs(offset) < 1e-2 * own.std():
        for exact, what in ((1 / 255, "divided by 255"), (255.0, "multiplied by 255")):
            if abs(factor / exact - 1) < 0.1:
                return edit(f"test inputs {what}", of_all(exact, 0.0))
    left = (factor * test.mean(axis=0) + offset - own.mean(axis=0)) / deviation
    one_for_all = float(np.sqrt(np.square(left).mean())) < FAR
    if one_for_all or not isinstance(inputs, np.ndarray) or inputs[0].size != own.shape[1]:
        match = of_all(factor, offset)
    else:
        match = of_each(own, test)
    return edit("the test set prepared as the clients' examples are", match)


def best_view(
    inputs: Any, own: np.ndarray, test: np.ndarray, deviation: np.ndarray, far: float
) -> str | None:
    """The way of turning test images that makes them the clients'; None if none does."""
    if not isinstance(inputs, np.ndarray) or inputs.ndim != 4 or inputs[0].size != own.shape[1]:
        return None
    shape, found = (1, *inputs.shape[1:]), {}
    for name, view in VIEWS.items():
        turned = view(test.mean(axis=0).reshape(shape))
        if turned.shape == shape:
            apart = (turned.ravel() - own.mean(axis=0)) / deviation
            found[name] = float(np.sqrt(np.square(apart).mean()))
    name = min(found, key=found.__getitem__)
    return name if found[name] < FIXED * far else None


def affine(own: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """Factor and offset that give the test set the clients' mean and deviation over all features.

    The factor is negative where features that are high at clients are low in the test set.
    """
    factor = float(own.std() / max(test.std(), 1e-12))
    ours, theirs = own.mean(axis=0), test.mean(axis=0)
    if own.shape[1] > 1 and ours.std() > 0 and theirs.std() > 0:
        factor *= -1 if np.corrcoef(ours, theirs)[0, 1] < -0.5 else 1
    return factor, float(own.mean() - factor * test.mean())


def of_all(factor: float, offset: float) -> Callable[[np.ndarray], np.ndarray]:
    """A function of arrays, the same for all features."""
    return lambda a: (np.asarray(a, np.float32) * factor + offset).astype(np.float32)


def of_each(own: np.ndarray, test: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A function of arrays that gives each feature the clients' mean and deviation."""
    spread = test.std(axis=0)
    factors = own.std(axis=0) / np.where(spread > 0, spread, 1)
    offsets = own.mean(axis=0) - factors * test.mean(axis=0)

    def match(array: np.ndarray) -> np.ndarray:
        flat = np.asarray(array, np.float32).reshape(len(array), -1)
        return (flat * factors + offsets).astype(np.float32).reshape(array.shape)

    return match


CAUSE = Cause("FW108", "The test set is prepared differently", suspect)
