"""FW3xx, local training."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.training import (
    adaptive_restarted,
    client_drift,
    gradient_clipping_binds,
    proximal_too_large,
    rate_by_size,
    rate_compounds,
    rate_too_high,
    rate_too_low,
    too_few_local_steps,
    unshuffled_batches,
    weight_decay,
)

CAUSES: tuple[Cause, ...] = (
    rate_too_high.CAUSE,
    rate_too_low.CAUSE,
    client_drift.CAUSE,
    too_few_local_steps.CAUSE,
    gradient_clipping_binds.CAUSE,
    proximal_too_large.CAUSE,
    rate_by_size.CAUSE,
    rate_compounds.CAUSE,
    adaptive_restarted.CAUSE,
    unshuffled_batches.CAUSE,
    weight_decay.CAUSE,
)
