"""Attacks on the training, for simulation: what clients send that do not follow the rules.

Those that change examples instead of updates, label flips and backdoors, are shifts of the data.
"""

from collections.abc import Callable

from fedwhy.aggregators.attacks.alie import alie
from fedwhy.aggregators.attacks.attack import Alone, Omniscient, attacked
from fedwhy.aggregators.attacks.free_riders import delta_weights, free_rider
from fedwhy.aggregators.attacks.ipm import inner_product_manipulation
from fedwhy.aggregators.attacks.mimic import mimic
from fedwhy.aggregators.attacks.min_max import min_max, min_sum
from fedwhy.aggregators.attacks.noise import gaussian
from fedwhy.aggregators.attacks.scaling import model_replacement, scale, sign_flip

ATTACKS: dict[str, Callable[..., Alone | Omniscient]] = {
    "sign_flip": sign_flip,
    "scale": scale,
    "gaussian": gaussian,
    "model_replacement": model_replacement,
    "free_rider": free_rider,
    "delta_weights": delta_weights,
    "alie": alie,
    "inner_product_manipulation": inner_product_manipulation,
    "mimic": mimic,
    "min_max": min_max,
    "min_sum": min_sum,
}

__all__ = [
    "ATTACKS",
    "Alone",
    "Omniscient",
    "alie",
    "attacked",
    "delta_weights",
    "free_rider",
    "gaussian",
    "inner_product_manipulation",
    "mimic",
    "min_max",
    "min_sum",
    "model_replacement",
    "scale",
    "sign_flip",
]
