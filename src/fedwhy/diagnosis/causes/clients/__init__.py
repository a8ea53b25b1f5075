"""FW6xx, faulty or hostile clients."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.clients import (
    free_riders,
    label_flipping,
    not_finite_updates,
    other_preprocessing,
    scaled_updates,
    sign_flipping,
)

CAUSES: tuple[Cause, ...] = (
    not_finite_updates.CAUSE,
    label_flipping.CAUSE,
    sign_flipping.CAUSE,
    scaled_updates.CAUSE,
    free_riders.CAUSE,
    other_preprocessing.CAUSE,
)
