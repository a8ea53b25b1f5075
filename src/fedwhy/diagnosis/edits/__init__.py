"""What can be changed in a run: each of these is one thing, for probes and for prescriptions."""

from fedwhy.diagnosis.edits.common import (
    argument,
    dealt,
    local,
    optimizer,
    pooled,
    rate,
    rounded,
    without_change,
)
from fedwhy.diagnosis.edits.server import (
    judged_by_the_model,
    plain_mean,
    plain_server,
    server_optimizer,
    server_rate,
    weighted,
)
from fedwhy.diagnosis.edits.taking_part import (
    cohort,
    concurrency,
    drawn_anew,
    only,
    synchronous,
    uniform_sampling,
)
from fedwhy.diagnosis.edits.training import (
    constant_rate,
    fewer_steps,
    more_steps,
    rate_by_optimizer,
    same_for_all_sizes,
    unclipped,
    without_decay,
)

__all__ = [
    "argument",
    "cohort",
    "concurrency",
    "constant_rate",
    "dealt",
    "drawn_anew",
    "fewer_steps",
    "judged_by_the_model",
    "local",
    "more_steps",
    "only",
    "optimizer",
    "plain_mean",
    "plain_server",
    "pooled",
    "rate",
    "rate_by_optimizer",
    "rounded",
    "same_for_all_sizes",
    "server_optimizer",
    "server_rate",
    "synchronous",
    "unclipped",
    "uniform_sampling",
    "weighted",
    "without_change",
    "without_decay",
]
