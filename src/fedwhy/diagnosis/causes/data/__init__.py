"""FW1xx, what clients hold."""

from fedwhy.diagnosis.cause import Cause
from fedwhy.diagnosis.causes.data import (
    constant_features,
    dropped_examples,
    duplicates_across_clients,
    feature_shift,
    inputs_not_finite,
    label_noise,
    label_skew,
    labels_out_of_range,
    labels_shifted,
    missing_classes,
    one_hot_labels,
    quantity_skew,
    sorted_examples,
    standardised_per_client,
    test_in_training,
    test_prepared_differently,
    tiny_clients,
    unscaled_inputs,
)

CAUSES: tuple[Cause, ...] = (
    label_skew.CAUSE,
    missing_classes.CAUSE,
    quantity_skew.CAUSE,
    feature_shift.CAUSE,
    sorted_examples.CAUSE,
    unscaled_inputs.CAUSE,
    standardised_per_client.CAUSE,
    test_prepared_differently.CAUSE,
    labels_out_of_range.CAUSE,
    labels_shifted.CAUSE,
    one_hot_labels.CAUSE,
    label_noise.CAUSE,
    tiny_clients.CAUSE,
    dropped_examples.CAUSE,
    duplicates_across_clients.CAUSE,
    test_in_training.CAUSE,
    constant_features.CAUSE,
    inputs_not_finite.CAUSE,
)
