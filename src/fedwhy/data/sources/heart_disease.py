"""Heart disease in four hospitals, prepared and split as in FLamby.

Ogier du Terrail et al. 2022, "FLamby: Datasets and benchmarks for cross-silo federated learning in
realistic healthcare settings", NeurIPS, appendix on Fed-Heart-Disease.
"""

from pathlib import Path
from typing import Any

import numpy as np

from fedwhy.data.federated_dataset import FederatedDataset
from fedwhy.data.sources.files import File, check
from fedwhy.data.sources.source import Source

FOLDER = Path(__file__).parent / "heart-disease"
DIGESTS = {
    "cleveland": "a74b7efa387bc9d108d7d0115d831fe9b414b29ae7124f331b622b4efa0427c8",
    "hungarian": "d1ad108f785768cd3d7e82dc522e6f5a61eea93cccfb3a46ee8076f73fc3d796",
    "switzerland": "834a405ccf5b66ab4056bb77794adc8df0b7125186454c0a1d002d33c6c3b314",
    "va": "e7c93d8d0d2acdadfa4c5e8de768e2191e7f618b952e29623f1f0d5949ff6b8f",
}
FILES = {
    hospital: File(f"heart-disease/processed.{hospital}.data", f"sha256:{digest}")
    for hospital, digest in DIGESTS.items()
}
# Columns by their number in the files; slope, ca and thal (10 to 12) lack most of their values.
NUMBERS = (0, 1, 3, 4, 5, 7, 8, 9)  # age, sex, trestbps, chol, fbs, thalach, exang, oldpeak
PAIN, ELECTROCARDIOGRAM, DISEASE = 2, 6, 13
# A category is a column each, but for the first.
CATEGORIES = ((PAIN, (2, 3, 4)), (ELECTROCARDIOGRAM, (1, 2)))
TRAIN_SHARE = 0.66


def read_heart_disease() -> Source[FederatedDataset]:
    """The four hospitals as clients, each with its own train and test patients.

    Patients with a missing value are left out, once the three columns that most lack are gone; 303,
    261, 46 and 130 remain. Features are float32 `[13]`: 8 numbers and 5 indicators of chest pain
    and electrocardiogram, in their own units. The target is 1 for any degree of disease.
    """
    parts = [{}, {}]
    for hospital, file in FILES.items():
        path = FOLDER.parent / file.path
        check(path, file)
        x, y = patients(path)
        for part, rows in zip(parts, train_and_test(y), strict=True):
            part[hospital] = x[rows], y[rows]
    return Source(
        *(FederatedDataset.from_clients(p, name="heart-disease", classes=2) for p in parts)
    )


def patients(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Features float32 `[patients, 13]` and targets int32 of one hospital's file."""
    table = np.genfromtxt(path, delimiter=",", missing_values="?")
    used = [*NUMBERS, PAIN, ELECTROCARDIOGRAM, DISEASE]
    table = table[~np.isnan(table[:, used]).any(axis=1)]
    indicators = [table[:, column] == value for column, values in CATEGORIES for value in values]
    x = np.column_stack([table[:, NUMBERS], *indicators]).astype(np.float32)
    return x, (table[:, DISEASE] > 0).astype(np.int32)


def train_and_test(y: np.ndarray) -> list[Any]:
    """FLamby's rows for training and for testing: by label, where each has more than two."""
    from sklearn.model_selection import train_test_split

    enough = np.bincount(y, minlength=2).min() > 2
    return train_test_split(
        np.arange(len(y)),
        train_size=TRAIN_SHARE,
        test_size=1 - TRAIN_SHARE,
        random_state=43,
        stratify=y if enough else None,
    )
