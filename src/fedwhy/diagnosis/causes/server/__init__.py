"""FW4xx, aggregation and server."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.server import (
    adaptive_server_at_one,
    aggregation_self_test,
    conflicting_updates,
    evaluated_not_trained,
    forgetting,
    only_locally_better,
    pairwise_averaging,
    same_clients,
    server_rate_too_high,
    server_rate_too_low,
    silenced_clients,
    stale_updates,
    too_few_clients,
    unweighted_mean,
)

CAUSES: tuple[Cause, ...] = (
    server_rate_too_high.CAUSE,
    server_rate_too_low.CAUSE,
    adaptive_server_at_one.CAUSE,
    pairwise_averaging.CAUSE,
    unweighted_mean.CAUSE,
    silenced_clients.CAUSE,
    too_few_clients.CAUSE,
    same_clients.CAUSE,
    stale_updates.CAUSE,
    evaluated_not_trained.CAUSE,
    conflicting_updates.CAUSE,
    aggregation_self_test.CAUSE,
    only_locally_better.CAUSE,
    forgetting.CAUSE,
)
