"""FW111: labels are one-hot vectors or floats where class numbers are expected."""

from __future__ import annotations

import numpy as np

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.edits import data as data_edits
from fedwhy.diagnosis.evidence import Evidence
from fedwhy.diagnosis.facts.labels import FLOATS, ONE_HOT
from fedwhy.diagnosis.finding import Severity, Suspicion


def suspect(evidence: Evidence) -> Suspicion | None:
    """Suspects it by the form of the labels, for models whose loss takes class numbers."""
    setup, form = evidence.setup, evidence.data.labels.form
    if not setup.model.classes_from_output or form not in (ONE_HOT, FLOATS):
        return None
    y = setup.clients.y
    shape = f"{y.dtype}[{', '.join(map(str, ('examples', *y.shape[1:])))}]"
    code = "y = y.argmax(-1)" if form == ONE_HOT else "y = y.astype(np.int32)"
    return Suspicion(
        why=f"labels are {form}, {shape}, and the loss takes class numbers, whole numbers "
        "[examples]",
        confidence=0.97,
        evidence={"form": form, "dtype": str(y.dtype), "shape": list(y.shape)},
        prescription=data_edits.labels("labels as class numbers", class_numbers, code=code),
        severity=Severity.error,
    )


def class_numbers(y: np.ndarray) -> np.ndarray:
    """Labels as class numbers, int32; those that are, stay."""
    wide = y.ndim > 1 and y.shape[-1] > 1
    return (y.argmax(-1) if wide else y).astype(np.int32)


CAUSE = Cause("FW111", "Labels are not class numbers", suspect)
