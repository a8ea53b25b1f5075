"""Pairs of faults that do not depend on each other: neither hides, cures or needs the other."""

from itertools import product

# Where pairs are planted, in turn.
PLACES = ("digits-mlp-iid", "digits-mlp-mild", "mnist-mlp-mild")

# Each part of a run can have one of these faults.
OF_DATA = ("missing_classes", "label_noise", "constant_features")
OF_TESTS = ("test_labels_permuted", "test_prepared_differently")
OF_THE_MODEL = ("softmax_as_logits", "too_little_capacity", "over_regularised")
OF_TRAINING = ("rate_too_low", "gradient_clipping_binds", "too_few_local_steps")
OF_THE_SERVER = ("server_rate_too_low", "adaptive_server_at_one", "update_subtracted")
OF_CLIENTS = ("sign_flipping", "other_preprocessing", "scaled_updates")
OF_MESSAGES = ("updates_cut_down", "quantised_too_coarsely")

PAIRS: tuple[tuple[str, str], ...] = (
    *product(OF_DATA, OF_THE_MODEL),
    *product(OF_DATA, OF_TRAINING),
    *product(OF_DATA, OF_THE_SERVER),
    *product(OF_DATA, OF_MESSAGES),
    *product(OF_TESTS, OF_THE_MODEL),
    *product(OF_TESTS, OF_CLIENTS),
    *product(OF_TESTS, OF_TRAINING),
    *product(OF_THE_MODEL[:1], OF_CLIENTS),
    *product(OF_THE_MODEL[2:], OF_CLIENTS),
    *product(OF_DATA[:1], OF_CLIENTS),
    *product(OF_DATA[2:], OF_CLIENTS),
)
