"""FW107: every client standardised its inputs by its own mean and deviation."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from fedwhy.data import FederatedDataset
from fedwhy.data.moments import Moments, client_moments
from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits.aligning import aligned
from fedwhy.diagnosis.edits.data import ALL, on_data
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.finding import Edit, Severity, Suspicion

FEATURES = 64  # Of many features so many are looked at.
CLOSE = 0.05  # Of what means would differ by chance.
SKEWED = 0.3


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it where clients' means are more alike than chance allows.

    Means of n examples each differ by `deviation / sqrt(n)`.
    """
    found = centred(evidence)
    if found is None:
        return None
    of, distance = found
    skew = evidence.data.label_skew or 0.0
    return Suspicion(
        why=f"the means of {of} differ between clients by {distance:.2g} of what chance would "
        "have: each client subtracted its own, and with it what tells its labels apart",
        confidence=0.9 if skew > SKEWED else 0.6,
        evidence={"distance_of_means": distance, "of": of, "label_skew": skew},
        prescription=Edit(
            "inputs standardised by the mean and deviation of all clients",
            lambda setup: on_data(setup, aligned, ALL),
            code="preparation = fw.Preparation(fw.prepare.Standardise()).fit(raw_clients)\n"
            "model = model.prepared(preparation)",
        ),
        severity=Severity.warning if skew > SKEWED else Severity.note,
    )


def centred(evidence: Evidence) -> tuple[str, float] | None:
    """What has nearly the same mean at all clients, and how far they are apart; see `apart`."""
    setup, data = evidence.setup, evidence.data
    if data.tokens or setup.clients.clients < 3 or np.median(data.sizes) < 4:
        return None
    if data.not_finite.any():
        return None
    closeness = {
        "each feature": apart(by_feature(setup.clients)),
        "all features together": apart(whole(setup.clients)),
    }
    of, distance = min(closeness.items(), key=lambda pair: pair[1])
    return (of, distance) if distance <= CLOSE else None


def by_feature(clients: FederatedDataset) -> Moments:
    """Each client's moments of some features, `[clients, features]`."""
    parts = []
    for array in jax.tree.leaves(clients.x):
        flat = array.reshape(len(array), -1)
        places = np.linspace(0, flat.shape[1] - 1, min(FEATURES, flat.shape[1])).astype(int)
        parts.append(client_moments(flat[:, np.unique(places)], clients.offsets, len(set(places))))
    return Moments(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def whole(clients: FederatedDataset) -> Moments:
    """Each client's moments of its examples' means, `[clients, arrays]`."""
    parts = [
        client_moments(mean_of(array)[:, None], clients.offsets, 1)
        for array in jax.tree.leaves(clients.x)
    ]
    return Moments(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def mean_of(array: np.ndarray) -> np.ndarray:
    """The mean over the features of each example, float64 `[examples]`."""
    return array.reshape(len(array), -1).mean(axis=1, dtype=np.float64)


def apart(moments: Any) -> float:
    """How far clients' means are apart, of the distance by chance; infinite if nothing varies.

    The root of the median over features of `mean_c n_c (m_c - M)^2 / S2_c`, whose expectation is
    about 1.
    """
    count = moments.count.sum(axis=0)
    mean = (moments.count * moments.mean).sum(axis=0) / count
    variance = moments.squares.sum(axis=0) / np.maximum(count - len(moments.count), 1)
    varies = variance > np.square(1e-6 * mean)
    if not varies.any():
        return np.inf
    squared = (moments.count * np.square(moments.mean - mean)).mean(axis=0)
    ratio = squared[varies] / variance[varies]
    return float(np.sqrt(np.median(ratio)))


CAUSE = Cause("FW107", "Every client standardises by its own moments", suspect)
