"""Federated algorithms, one file each; `ALGORITHMS` holds them by name."""

from fedwhy.algorithms import rates, trust
from fedwhy.algorithms.afl import afl
from fedwhy.algorithms.algorithm import (
    Algorithm,
    Batch,
    Broadcast,
    Client,
    ClientWork,
    LocalTraining,
    Round,
    ServerState,
    Update,
)
from fedwhy.algorithms.apfl import apfl
from fedwhy.algorithms.averaging import AVERAGES, ema, swa
from fedwhy.algorithms.catalogue import ALGORITHMS, CATALOGUE
from fedwhy.algorithms.cfl import cfl
from fedwhy.algorithms.clipping import Clipped
from fedwhy.algorithms.course import Course
from fedwhy.algorithms.ditto import ditto
from fedwhy.algorithms.fedadagrad import fedadagrad
from fedwhy.algorithms.fedadam import fedadam
from fedwhy.algorithms.fedala import fedala
from fedwhy.algorithms.fedasync import fedasync
from fedwhy.algorithms.fedavg import fedavg
from fedwhy.algorithms.fedavgm import fedavgm
from fedwhy.algorithms.fedbn import fedbn
from fedwhy.algorithms.fedbuff import fedbuff
from fedwhy.algorithms.fedcm import fedcm
from fedwhy.algorithms.feddc import feddc
from fedwhy.algorithms.feddyn import feddyn
from fedwhy.algorithms.fedexp import fedexp
from fedwhy.algorithms.fedlin import fedlin
from fedwhy.algorithms.fednova import fednova
from fedwhy.algorithms.fedper import fedper
from fedwhy.algorithms.fedprox import fedprox
from fedwhy.algorithms.fedrep import fedrep
from fedwhy.algorithms.fedsgd import fedsgd
from fedwhy.algorithms.fedyogi import fedyogi
from fedwhy.algorithms.fixbn import fixbn
from fedwhy.algorithms.full_gradient import FullGradient
from fedwhy.algorithms.ifca import ifca
from fedwhy.algorithms.lg_fedavg import lg_fedavg
from fedwhy.algorithms.local_sgd import STATE_RULES, LocalSGD
from fedwhy.algorithms.mime import mime, mimelite
from fedwhy.algorithms.moon import moon
from fedwhy.algorithms.per_example import PerExample
from fedwhy.algorithms.perfedavg import perfedavg
from fedwhy.algorithms.pfedme import pfedme
from fedwhy.algorithms.qffl import qffl
from fedwhy.algorithms.recipe import Recipe, innermost, recorded, remade
from fedwhy.algorithms.remedy import Remedy, Step
from fedwhy.algorithms.scaffold import scaffold
from fedwhy.algorithms.server_optimizers import SERVER_OPTIMIZERS
from fedwhy.algorithms.tally import Tally

__all__ = [
    "ALGORITHMS",
    "AVERAGES",
    "CATALOGUE",
    "SERVER_OPTIMIZERS",
    "STATE_RULES",
    "Algorithm",
    "Batch",
    "Broadcast",
    "Client",
    "ClientWork",
    "Clipped",
    "Course",
    "FullGradient",
    "LocalSGD",
    "LocalTraining",
    "PerExample",
    "Recipe",
    "Remedy",
    "Round",
    "ServerState",
    "Step",
    "Tally",
    "Update",
    "afl",
    "apfl",
    "cfl",
    "ditto",
    "ema",
    "fedadagrad",
    "fedadam",
    "fedala",
    "fedasync",
    "fedavg",
    "fedavgm",
    "fedbn",
    "fedbuff",
    "fedcm",
    "feddc",
    "feddyn",
    "fedexp",
    "fedlin",
    "fednova",
    "fedper",
    "fedprox",
    "fedrep",
    "fedsgd",
    "fedyogi",
    "fixbn",
    "ifca",
    "innermost",
    "lg_fedavg",
    "mime",
    "mimelite",
    "moon",
    "perfedavg",
    "pfedme",
    "qffl",
    "rates",
    "recorded",
    "remade",
    "scaffold",
    "swa",
    "trust",
]
