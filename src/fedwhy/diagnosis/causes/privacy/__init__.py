"""FW7xx, privacy and compression."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.privacy import (
    clip_norm_too_high,
    clip_norm_too_low,
    no_error_feedback,
    noise_above_signal,
    quantised_too_coarsely,
    sparsified_too_coarsely,
)

CAUSES: tuple[Cause, ...] = (
    clip_norm_too_low.CAUSE,
    clip_norm_too_high.CAUSE,
    noise_above_signal.CAUSE,
    quantised_too_coarsely.CAUSE,
    sparsified_too_coarsely.CAUSE,
    no_error_feedback.CAUSE,
)
