"""FW108: the test set's inputs look other than the clients'."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from fedwhy.diagnosis import data_edits
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.data_facts import DataFacts
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

FAR, VERY_FAR = 0.25, 1.0
SPREAD = 2.0  # As log2 of a variance.
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
    if data.test_shift is None or data.table is None or data.test_table is None:
        return None
    far, spread = float(data.test_shift.mean[0]), float(data.test_shift.spread[0])
    if far < FAR and abs(spread) < SPREAD:
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
        prescription=repair(evidence, far),
        severity=Severity.error if far > 2 * VERY_FAR else Severity.warning,
    )


def repair(evidence: Evidence, far: float) -> Edit:
    """The test set prepared as the clients' examples are."""
    code = "test = preparation.apply(raw_test)  # the preparation that was fitted on the clients"
    view = best_view(evidence.data, far)
    if view is not None:
        return data_edits.inputs(f"test {view}", VIEWS[view], code=code, of=data_edits.TESTS)
    factor, offset = affine(evidence.data)
    by = 1 / factor if 0 < factor < 1 else factor
    if abs(offset) < 1e-2 and abs(by - 255) < 26:
        factor, offset = (1 / 255, 0.0) if factor < 1 else (255.0, 0.0)
        what = "test inputs divided by 255" if factor < 1 else "test inputs multiplied by 255"
        scale = np.float32(factor)
        return data_edits.inputs(
            what, lambda a: np.asarray(a, np.float32) * scale, code=code, of=data_edits.TESTS
        )
    return data_edits.inputs(
        "the test set prepared as the clients' examples are",
        matching(evidence),
        code=code,
        of=data_edits.TESTS,
    )


def best_view(data: DataFacts, far: float) -> str | None:
    """The way of turning test images that makes them the clients'; None if none does."""
    own, test = data.setup.clients.x, data.setup.test
    if test is None or not isinstance(own, np.ndarray) or not isinstance(test.x, np.ndarray):
        return None
    if own.ndim != 4 or data.table is None or data.test_table is None or data.scale is None:
        return None
    shape = (-1, *own.shape[1:])
    if data.table.x.shape[1] != np.prod(own.shape[1:]):
        return None
    centre = data.table.x.mean(axis=0)
    found = {}
    for name, view in VIEWS.items():
        turned = view(data.test_table.x.mean(axis=0).reshape(shape))
        if turned.shape[1:] == own.shape[1:]:
            apart = (turned.ravel() - centre) / data.scale.deviation
            found[name] = float(np.sqrt(np.square(apart).mean()))
    name = min(found, key=found.__getitem__)
    return name if found[name] < FIXED * far else None


def affine(data: DataFacts) -> tuple[float, float]:
    """Factor and offset that make the test set's mean and deviation over all features the clients'.

    The factor is negative where features that are high at clients are low in the test set.
    """
    assert data.table is not None and data.test_table is not None
    own, test = data.table.x, data.test_table.x
    factor = float(own.std() / max(test.std(), 1e-12))
    ours, theirs = own.mean(axis=0), test.mean(axis=0)
    if own.shape[1] > 1 and ours.std() > 0 and theirs.std() > 0:
        factor *= -1 if np.corrcoef(ours, theirs)[0, 1] < -0.5 else 1
    return factor, float(own.mean() - factor * test.mean())


def matching(evidence: Evidence) -> Callable[[np.ndarray], np.ndarray]:
    """A function of test arrays that gives each feature the clients' mean and deviation.

    Where one factor and offset for all features will do, they are taken.
    """
    data = evidence.data
    assert data.table is not None and data.test_table is not None and data.scale is not None
    own, test = data.table.x, data.test_table.x
    factor, offset = affine(data)
    left = (factor * test.mean(axis=0) + offset - own.mean(axis=0)) / data.scale.deviation
    one = float(np.sqrt(np.square(left).mean())) < FAR
    if one or len(jax.tree.leaves(data.setup.clients.x)) > 1:
        return lambda a: (np.asarray(a, np.float32) * factor + offset).astype(np.float32)
    spread = test.std(axis=0)
    factors = own.std(axis=0) / np.where(spread > 0, spread, 1)
    offsets = own.mean(axis=0) - factors * test.mean(axis=0)

    def match(array: np.ndarray) -> np.ndarray:
        flat = np.asarray(array, np.float32).reshape(len(array), -1)
        return (flat * factors + offsets).astype(np.float32).reshape(array.shape)

    return match


CAUSE = Cause("FW108", "The test set is prepared differently", suspect)
