"""FW5xx, evaluation."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.evaluation import (
    base_rate_accuracy,
    hidden_clients,
    metric_does_not_fit,
    mode_confused,
    test_labels_permuted,
)

CAUSES: tuple[Cause, ...] = (
    metric_does_not_fit.CAUSE,
    base_rate_accuracy.CAUSE,
    test_labels_permuted.CAUSE,
    mode_confused.CAUSE,
    hidden_clients.CAUSE,
)
