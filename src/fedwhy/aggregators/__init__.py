"""Aggregators: what happens to updates between the clients and the server's step."""

from fedwhy.aggregators import attacks
from fedwhy.aggregators.adaptive_clipping import adaptive_clipping
from fedwhy.aggregators.adaptive_zeroing import adaptive_zeroing
from fedwhy.aggregators.aggregator import (
    Aggregator,
    Decoded,
    Message,
    Stack,
    Traits,
    changed,
    gather,
    stacked,
)
from fedwhy.aggregators.arrival import Arrival, ArrivalState, aggregate
from fedwhy.aggregators.attacks import ATTACKS, attacked
from fedwhy.aggregators.catalogue import LINKS, RULES, WRAPPERS
from fedwhy.aggregators.chain import chain, weighted
from fedwhy.aggregators.clipping import clip
from fedwhy.aggregators.compression import (
    compressing,
    count_sketch,
    error_feedback,
    half_precision,
    majority_vote,
    power_sgd,
    qsgd,
    quantize,
    random_k,
    rotated,
    sign,
    top_k,
)
from fedwhy.aggregators.compressor import Compressor
from fedwhy.aggregators.link import Changed, Link
from fedwhy.aggregators.mean import Weighted, mean
from fedwhy.aggregators.momentum import momentum
from fedwhy.aggregators.privacy import (
    AdaptiveClip,
    Noise,
    banded,
    independent,
    local_noise,
    noise,
    private_mean,
    tree,
)
from fedwhy.aggregators.robust import (
    bucketing,
    bulyan,
    centred_clipping,
    geometric_median,
    krum,
    mda,
    meamed,
    median,
    multi_krum,
    nearest_neighbour_mixing,
    trimmed_mean,
)
from fedwhy.aggregators.secure import secure_mean
from fedwhy.aggregators.validation import NOT_FINITE, REASONS, first_not_finite, validate
from fedwhy.aggregators.weighting import WEIGHTINGS, Weighting, capped

__all__ = [
    "ATTACKS",
    "LINKS",
    "NOT_FINITE",
    "REASONS",
    "RULES",
    "WEIGHTINGS",
    "WRAPPERS",
    "AdaptiveClip",
    "Aggregator",
    "Arrival",
    "ArrivalState",
    "Changed",
    "Compressor",
    "Decoded",
    "Link",
    "Message",
    "Noise",
    "Stack",
    "Traits",
    "Weighted",
    "Weighting",
    "adaptive_clipping",
    "adaptive_zeroing",
    "aggregate",
    "attacked",
    "attacks",
    "banded",
    "bucketing",
    "bulyan",
    "capped",
    "centred_clipping",
    "chain",
    "changed",
    "clip",
    "compressing",
    "count_sketch",
    "error_feedback",
    "first_not_finite",
    "gather",
    "geometric_median",
    "half_precision",
    "independent",
    "krum",
    "local_noise",
    "majority_vote",
    "mda",
    "meamed",
    "mean",
    "median",
    "momentum",
    "multi_krum",
    "nearest_neighbour_mixing",
    "noise",
    "power_sgd",
    "private_mean",
    "qsgd",
    "quantize",
    "random_k",
    "rotated",
    "secure_mean",
    "sign",
    "stacked",
    "top_k",
    "tree",
    "trimmed_mean",
    "validate",
    "weighted",
]
