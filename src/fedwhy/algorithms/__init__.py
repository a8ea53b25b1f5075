"""Federated algorithms, one file each; `ALGORITHMS` holds them by name."""

from collections.abc import Callable

from fedwhy.algorithms.algorithm import Algorithm, Batch, ClientWork, LocalTraining, ServerState
from fedwhy.algorithms.fedadagrad import fedadagrad
from fedwhy.algorithms.fedadam import fedadam
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.fedavgm import fedavgm
from fedwhy.algorithms.fedprox import fedprox
from fedwhy.algorithms.fedsgd import fedsgd
from fedwhy.algorithms.fedyogi import fedyogi
from fedwhy.algorithms.full_gradient import FullGradient
from fedwhy.algorithms.local_sgd import STATE_RULES, LocalSGD, Tally
from fedwhy.algorithms.server_optimizers import SERVER_OPTIMIZERS

ALGORITHMS: dict[str, Callable[..., Algorithm]] = {
    f.__name__: f for f in (fedsgd, fedavg, fedavgm, fedprox, fedadagrad, fedadam, fedyogi)
}

__all__ = [
    "ALGORITHMS",
    "SERVER_OPTIMIZERS",
    "STATE_RULES",
    "Algorithm",
    "Batch",
    "ClientWork",
    "FullGradient",
    "LocalSGD",
    "LocalTraining",
    "ServerState",
    "Tally",
    "fedadagrad",
    "fedadam",
    "fedavg",
    "fedavgm",
    "fedprox",
    "fedsgd",
    "fedyogi",
]
