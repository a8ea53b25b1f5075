"""FW2xx, the model and its loss."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.model import (
    averaged_statistics,
    dead_relus,
    exploding_gradients,
    frozen_statistics,
    frozen_weights,
    initial_loss,
    input_too_small,
    logits_as_probabilities,
    output_activation,
    over_regularised,
    softmax_as_logits,
    too_few_outputs,
    too_little_capacity,
    too_much_capacity,
    too_much_dropout,
    vanishing_gradients,
    zero_initialised,
)

CAUSES: tuple[Cause, ...] = (
    softmax_as_logits.CAUSE,
    logits_as_probabilities.CAUSE,
    too_few_outputs.CAUSE,
    output_activation.CAUSE,
    frozen_statistics.CAUSE,
    averaged_statistics.CAUSE,
    too_much_capacity.CAUSE,
    too_little_capacity.CAUSE,
    input_too_small.CAUSE,
    dead_relus.CAUSE,
    vanishing_gradients.CAUSE,
    exploding_gradients.CAUSE,
    initial_loss.CAUSE,
    zero_initialised.CAUSE,
    frozen_weights.CAUSE,
    over_regularised.CAUSE,
    too_much_dropout.CAUSE,
)
